//! Kinds of file formats (CWL v1.2, CommandInputParameter, `format`; Schema Salad, `$schemas`).

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use oxrdfxml::RdfXmlParser;
use oxttl::TurtleParser;

const EDAM: &str = "http://edamontology.org/format_";
/// The formats of EDAM 1.11 (<http://edamontology.org>), a line each: its number, then those that it is a kind of.
const EDAM_FORMATS: &str = include_str!("ontology/edam-1.11-formats.txt");
const KIND_OF: &str = "http://www.w3.org/2000/01/rdf-schema#subClassOf";
const SAME_AS: &str = "http://www.w3.org/2002/07/owl#equivalentClass";

/// The ontologies that a document names; EDAM's formats are known without.
#[derive(Debug, Default)]
pub struct Ontologies {
    files: Vec<PathBuf>,
    /// Read when first needed: they are large, and most formats are the wanted ones literally.
    kinds: OnceLock<Kinds>,
}

impl PartialEq for Ontologies {
    fn eq(&self, other: &Self) -> bool {
        self.files == other.files
    }
}

impl Ontologies {
    /// The ontologies in these local files, RDF/XML or Turtle by their names (`.ttl`).
    pub(crate) fn of_files(files: Vec<PathBuf>) -> Self {
        Self { files, kinds: OnceLock::new() }
    }

    /// Whether a format is a kind of another one, or the same by another name.
    pub(crate) fn is_kind_of(&self, found: &str, wanted: &str) -> bool {
        let kinds = self.kinds.get_or_init(|| Kinds::of(&self.files));
        let (mut open, mut seen) = (vec![found], HashSet::new());
        while let Some(format) = open.pop() {
            if format == wanted {
                return true;
            }
            if seen.insert(format) {
                open.extend(kinds.above.get(format).into_iter().flatten().map(String::as_str));
            }
        }
        false
    }

    /// Those of the files that cannot be read, with the reason.
    pub(crate) fn unreadable(&self) -> &[String] {
        &self.kinds.get_or_init(|| Kinds::of(&self.files)).unreadable
    }
}

/// What each format is a kind of.
#[derive(Debug, Default)]
struct Kinds {
    above: HashMap<String, Vec<String>>,
    unreadable: Vec<String>,
}

impl Kinds {
    fn of(files: &[PathBuf]) -> Self {
        let mut kinds = Self::default();
        for line in EDAM_FORMATS.lines() {
            let mut numbers = line.split(' ').map(|number| format!("{EDAM}{number}"));
            if let Some(format) = numbers.next() {
                kinds.above.entry(format).or_default().extend(numbers);
            }
        }
        for file in files {
            if let Err(reason) = kinds.read(file) {
                kinds.unreadable.push(format!("the ontology {} cannot be read: {reason}", file.display()));
            }
        }
        kinds
    }

    fn read(&mut self, path: &Path) -> Result<(), String> {
        let file = BufReader::new(File::open(path).map_err(|error| error.to_string())?);
        if path.extension().is_some_and(|extension| extension == "ttl") {
            for triple in TurtleParser::new().for_reader(file) {
                let triple = triple.map_err(|error| error.to_string())?;
                self.add(&triple.subject.to_string(), triple.predicate.as_str(), &triple.object.to_string());
            }
        } else {
            for triple in RdfXmlParser::new().for_reader(file) {
                let triple = triple.map_err(|error| error.to_string())?;
                self.add(&triple.subject.to_string(), triple.predicate.as_str(), &triple.object.to_string());
            }
        }
        Ok(())
    }

    /// Takes one statement; names stand in angle brackets, everything else is no name of a format.
    fn add(&mut self, subject: &str, predicate: &str, object: &str) {
        let name = |text: &str| Some(text.strip_prefix('<')?.strip_suffix('>')?.to_owned());
        let (Some(subject), Some(object)) = (name(subject), name(object)) else { return };
        match predicate {
            KIND_OF => self.above.entry(subject).or_default().push(object),
            SAME_AS => {
                self.above.entry(subject.clone()).or_default().push(object.clone());
                self.above.entry(object).or_default().push(subject);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::Ontologies;

    const SAM: &str = "http://edamontology.org/format_2573";
    const ALIGNMENT: &str = "http://edamontology.org/format_2057";
    const FASTA: &str = "http://edamontology.org/format_1929";

    #[test]
    fn formats_of_edam_are_known_without_a_file() {
        let edam = Ontologies::default();
        assert!(edam.is_kind_of(SAM, ALIGNMENT) && edam.is_kind_of(FASTA, FASTA));
        assert!(!edam.is_kind_of(ALIGNMENT, SAM) && !edam.is_kind_of(FASTA, SAM) && !edam.is_kind_of("x", SAM));
        assert!(edam.unreadable().is_empty());
    }

    #[test]
    fn files_add_kinds_and_equal_names_and_say_what_is_wrong_with_them() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("written");
            path
        };
        let turtle = "@prefix owl: <http://www.w3.org/2002/07/owl#> .\n@prefix gx: <http://gx/> .\n\
                      gx:fasta owl:equivalentClass <http://edamontology.org/format_1929> .\n";
        let xml = "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' \
                   xmlns:rdfs='http://www.w3.org/2000/01/rdf-schema#'><rdf:Description rdf:about='http://my/reads'>\
                   <rdfs:subClassOf rdf:resource='http://gx/fasta'/></rdf:Description></rdf:RDF>";
        let files = vec![write("a.ttl", turtle), write("b.owl", xml), Path::new("/nowhere/c.owl").to_owned()];
        let ontologies = Ontologies::of_files(files);
        assert!(ontologies.is_kind_of("http://my/reads", FASTA) && ontologies.is_kind_of(FASTA, "http://gx/fasta"));
        assert!(!ontologies.is_kind_of(FASTA, "http://my/reads"));
        let [unreadable] = ontologies.unreadable() else { panic!("one file is not there") };
        assert!(unreadable.contains("/nowhere/c.owl"), "{unreadable}");
    }
}
