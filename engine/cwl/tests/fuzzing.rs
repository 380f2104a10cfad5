//! Documents, job files and expressions of the standard's own suite, damaged at random: nothing may panic, hang or grow
//! without bound, and every problem must lie in its text.
//!
//! `PROPTEST_CASES=1000000 cargo test --release -p sluis-cwl --test fuzzing` looks longer.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use proptest::prelude::*;
use sluis_cwl::{LocalOnly, expression::scan, load, load_for, read_inputs};
use sluis_yaml::Diagnostics;
use tempfile::TempDir;

/// What a mutation puts into a text.
const PIECES: &[&str] = &[
    "\n",
    "  ",
    ":",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "$(",
    "${",
    ")",
    "\\",
    "#",
    "&a ",
    "*a",
    "<<: *a\n",
    "!!int ",
    "null",
    "true",
    "1e999",
    "-0",
    "99999999999999999999",
    "~",
    "\u{0}",
    "\u{feff}",
    "é",
    "\t",
    "? ",
    "|\n",
    ">-\n",
    "class: Workflow\n",
    "$import: ",
    "$mixin: ",
    "$graph: ",
    "run: ",
    "type: ",
    "string[]?",
    "inputs.",
    "self",
    "../",
    "http://example.org/",
    "secondaryFiles: ",
    "scatter: ",
    "when: ",
    "/* ",
    "`",
    "default: ",
    "cwlVersion: v1.0\n",
];

/// One change of a text: where (as a part of its length), what, and how much.
#[derive(Clone, Debug)]
enum Mutation {
    Delete(f64, usize),
    Insert(f64, &'static str),
    Repeat(f64, usize, usize),
    Move(f64, usize, f64),
    Byte(f64, u8),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let place = || 0.0..1.0;
    prop_oneof![
        (place(), 1..40_usize).prop_map(|(at, length)| Mutation::Delete(at, length)),
        (place(), prop::sample::select(PIECES)).prop_map(|(at, piece)| Mutation::Insert(at, piece)),
        (place(), 1..60_usize, 1..20_usize).prop_map(|(at, length, times)| Mutation::Repeat(at, length, times)),
        (place(), 1..60_usize, place()).prop_map(|(at, length, to)| Mutation::Move(at, length, to)),
        (place(), any::<u8>()).prop_map(|(at, byte)| Mutation::Byte(at, byte)),
    ]
}

fn mutated(text: &[u8], mutations: &[Mutation]) -> Vec<u8> {
    let mut text = text.to_vec();
    for mutation in mutations {
        let place = |at: f64, text: &[u8]| (at * text.len() as f64) as usize;
        let range = |at: f64, length: usize, text: &[u8]| {
            let start = place(at, text);
            start..(start + length).min(text.len())
        };
        match mutation {
            Mutation::Delete(at, length) => drop(text.drain(range(*at, *length, &text))),
            Mutation::Insert(at, piece) => {
                let at = place(*at, &text);
                drop(text.splice(at..at, piece.bytes()));
            }
            Mutation::Repeat(at, length, times) => {
                let range = range(*at, *length, &text);
                let piece = text[range.clone()].repeat(*times);
                drop(text.splice(range, piece));
            }
            Mutation::Move(at, length, to) => {
                let piece: Vec<_> = text.drain(range(*at, *length, &text)).collect();
                let to = place(*to, &text);
                drop(text.splice(to..to, piece));
            }
            Mutation::Byte(at, byte) => {
                let at = place(*at, &text);
                if let Some(old) = text.get_mut(at) {
                    *old = *byte;
                }
            }
        }
    }
    text
}

/// A copy of the suite into which damaged documents can be written, and its texts by kind.
struct Corpus {
    folder: TempDir,
    documents: Vec<Vec<u8>>,
    jobs: Vec<Vec<u8>>,
}

static CORPUS: LazyLock<Corpus> = LazyLock::new(|| {
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/cwl-v1.2");
    let folder = tempfile::tempdir().unwrap();
    let mut corpus = Corpus { folder, documents: Vec::new(), jobs: Vec::new() };
    let mut folders = vec![suite.clone()];
    while let Some(from) = folders.pop() {
        let to = corpus.folder.path().join(from.strip_prefix(&suite).unwrap());
        fs::create_dir_all(&to).unwrap();
        for entry in fs::read_dir(&from).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read(&path).unwrap();
            fs::write(to.join(path.file_name().unwrap()), &text).unwrap();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("cwl") => corpus.documents.push(text),
                Some("json" | "yml" | "yaml") if text.len() < 20_000 => corpus.jobs.push(text),
                _ => {}
            }
        }
    }
    corpus.documents.sort();
    corpus.jobs.sort();
    corpus
});

impl Corpus {
    /// Writes a text beside the documents of the suite.
    fn write(&self, text: &[u8], extension: &str) -> PathBuf {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("tests/fuzzed-{}.{extension}", COUNT.fetch_add(1, Ordering::Relaxed));
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

fn one_of(texts: &[Vec<u8>], which: usize) -> &[u8] {
    &texts[which % texts.len()]
}

/// Every problem lies in the text of its file.
fn check(problems: &Diagnostics) -> Result<(), TestCaseError> {
    for problem in problems.iter() {
        let places = problem.labels.iter().map(|label| &label.span).chain([&problem.span]);
        for span in places {
            if let Some(text) = problems.source(&span.file) {
                prop_assert!(text.get(span.range()).is_some(), "{problem:?}");
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_documents_are_refused_or_read(which in any::<usize>(), how in prop::collection::vec(mutation(), 1..12)) {
        let text = mutated(one_of(&CORPUS.documents, which), &how);
        let path = CORPUS.write(&text, "cwl");
        let found = load(path.to_str().unwrap());
        fs::remove_file(&path).unwrap();
        match found {
            Ok(loaded) => {
                prop_assert!(!loaded.warnings.has_errors());
                check(&loaded.warnings)?;
            }
            Err(problems) => {
                prop_assert!(problems.has_errors());
                check(&problems)?;
            }
        }
    }

    #[test]
    fn damaged_job_files_are_refused_or_read(
        which in any::<usize>(),
        document in any::<usize>(),
        how in prop::collection::vec(mutation(), 0..12),
    ) {
        let text = mutated(one_of(&CORPUS.jobs, which), &how);
        let path = CORPUS.write(&text, "yml");
        let document = CORPUS.write(one_of(&CORPUS.documents, document), "cwl");
        let outcome = read_inputs(Some(&path)).and_then(|mut inputs| {
            let loaded = load_for(document.to_str().unwrap(), &mut inputs, &LocalOnly)?;
            loaded.process.check_inputs(inputs).map(drop)
        });
        fs::remove_file(&path).unwrap();
        fs::remove_file(&document).unwrap();
        if let Err(problems) = outcome {
            check(&problems)?;
        }
    }

    #[test]
    fn damaged_expressions_are_split_without_loss(which in any::<usize>(), how in prop::collection::vec(mutation(), 0..12)) {
        let text = mutated(one_of(&CORPUS.documents, which), &how);
        let _ = scan(&String::from_utf8_lossy(&text));
    }
}
