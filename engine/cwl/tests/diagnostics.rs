//! Broken documents: everything that is wrong is said at once, each with its place and what to do about it.
//!
//! Beside each document of the folder stands a text with what is said about it. `BLESS=1 cargo test` writes these texts
//! anew; read the difference before you keep it.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::{env, fmt::Write, fs, path::Path};

use sluis_cwl::load;
use sluis_yaml::Diagnostics;

/// The problems as the files beside the documents hold them.
fn told(problems: &Diagnostics) -> String {
    let mut out = String::new();
    for problem in problems.iter() {
        let mut one = Diagnostics::default();
        one.push(problem.clone());
        writeln!(out, "{one}").unwrap();
        for label in &problem.labels {
            writeln!(out, "  {}: {}", label.span, label.message).unwrap();
        }
        if let Some(help) = &problem.help {
            writeln!(out, "  help: {help}").unwrap();
        }
    }
    out
}

#[test]
fn broken_documents_are_explained() {
    let folder = Path::new("tests/diagnostics");
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "cwl") {
            continue;
        }
        count += 1;
        let name = path.to_str().unwrap();
        // One of these documents is a graph, of which another process than `main` is asked for.
        let name = if name.ends_with("graph.cwl") { format!("{name}#workflow") } else { name.to_owned() };
        let found = match load(&name) {
            Ok(loaded) => told(&loaded.warnings),
            Err(problems) => told(&problems),
        };
        let expected = fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
        if found != expected && env::var_os("BLESS").is_some() {
            fs::write(path.with_extension("txt"), found).unwrap();
        } else if found != expected {
            wrong.push(format!("--- {name}\n{found}"));
        }
    }
    assert_eq!(count, 64);
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

#[test]
fn what_is_right_but_not_supported_is_told_apart() {
    let is_unsupported = |name: &str| load(&format!("tests/diagnostics/{name}.cwl")).unwrap_err().is_unsupported();
    assert!(is_unsupported("unsupported-requirement"));
    assert!(!is_unsupported("misspelt-fields"));
}
