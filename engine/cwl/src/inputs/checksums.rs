//! Checksums that an input object gives of its files (CWL v1.2, File, `checksum`).

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use sha1::{Digest, Sha1};
use sluis_model::{Location, Value};
use sluis_yaml::{Content, Diagnostic, Diagnostics, Node, Span};

use crate::load::{Namespaces, value};

/// What stands before a checksum: the one kind that the standard knows.
const KIND: &str = "sha1$";

/// How many hexadecimal digits it has.
const DIGITS: usize = 40;

/// The checksum of a local file.
#[derive(Clone, Debug)]
pub(super) struct Checksum {
    /// The input to which the file belongs.
    pub input: String,
    path: PathBuf,
    expected: String,
    at: Span,
}

impl Checksum {
    /// Adds those of all local files in the value of an input.
    pub fn find(input: &str, node: &Node, namespaces: &Namespaces, found: &mut Vec<Self>) {
        match &node.value {
            Content::Sequence(items) => items.iter().for_each(|item| Self::find(input, item, namespaces, found)),
            Content::Mapping(fields) => {
                let is_file = fields.get("class").and_then(|field| field.node.as_str()) == Some("File");
                if let (true, Some(checksum)) = (is_file, fields.get("checksum"))
                    && let Some(expected) = checksum.node.as_str()
                    && let Some(Value::File(file)) = value(node, namespaces, &mut Diagnostics::default())
                    && let Location::Path(path) = file.location
                {
                    let (input, expected, at) = (input.to_owned(), expected.to_owned(), checksum.node.span.clone());
                    found.push(Self { input, path, expected, at });
                }
                fields.values().for_each(|field| Self::find(input, &field.node, namespaces, found));
            }
            _ => {}
        }
    }

    /// What is wrong with the file, if it is another one than the checksum says. Checksums of other kinds and texts that
    /// only hold the place of one say nothing, and a file that cannot be read is told of elsewhere.
    pub fn check(&self) -> Option<Diagnostic> {
        let is_digest = |text: &&str| text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let expected = self.expected.strip_prefix(KIND).filter(is_digest)?;
        let found = sha1_of(&self.path).ok()?;
        if found.eq_ignore_ascii_case(expected) {
            return None;
        }
        let message = format!("{} is not the file that is meant: its checksum is {KIND}{found}", self.path.display());
        Some(Diagnostic::error(&self.at, message).help("look whether it has changed, or take `checksum` out"))
    }
}

fn sha1_of(path: &Path) -> io::Result<String> {
    let mut file = fs::File::open(path)?;
    let mut hash = Sha1::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
