//! Stand-ins: images of our own under the names of well-known ones, for where no registry is reached.
//!
//! A definition with a file `stand-in` is one. The file says for which names, and how a container begins:
//!
//! ```text
//! for bash:4.4
//! entrypoint ["/bin/sh", "-c", "exec \"$@\"", "sh"]
//! ```

use std::path::Path;

use crate::{ContainersError, definition};

/// What a definition's file `stand-in` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StandIn {
    /// The names it is put under where the daemon has no image of that name.
    pub names: Vec<String>,
    /// What the container's command is handed to; none means that the command itself is run.
    pub entrypoint: Option<Vec<String>>,
}

impl StandIn {
    /// Reads the file, if there is one.
    pub fn read(file: &Path) -> Result<Option<Self>, ContainersError> {
        if !file.is_file() {
            return Ok(None);
        }
        let mut said = Self::default();
        for line in definition::read_lines(file, parse)? {
            match line {
                Line::For(name) => said.names.push(name),
                Line::Entrypoint(arguments) => said.entrypoint = Some(arguments),
            }
        }
        Ok(Some(said))
    }
}

/// One line of the file.
enum Line {
    For(String),
    Entrypoint(Vec<String>),
}

fn parse(line: &str) -> Result<Line, String> {
    match line.split_once(' ') {
        Some(("for", name)) if name.contains(':') => Ok(Line::For(name.to_owned())),
        Some(("entrypoint", list)) => {
            serde_json::from_str(list).map(Line::Entrypoint).map_err(|error| error.to_string())
        }
        _ => Err("expected `for NAME:TAG` or `entrypoint [\"…\"]`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn names_and_entrypoint_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stand-in");
        assert_eq!(StandIn::read(&file).unwrap(), None);
        fs::write(&file, "# two\nfor a:1\nfor b:2\nentrypoint [\"sh\", \"-c\"]\n").unwrap();
        let expected = StandIn {
            names: vec!["a:1".to_owned(), "b:2".to_owned()],
            entrypoint: Some(vec!["sh".to_owned(), "-c".to_owned()]),
        };
        assert_eq!(StandIn::read(&file).unwrap(), Some(expected));
    }

    #[test]
    fn a_line_that_is_not_understood_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stand-in");
        for line in ["for bash", "entrypoint sh", "user root"] {
            fs::write(&file, line).unwrap();
            let said = StandIn::read(&file).unwrap_err().to_string();
            assert!(said.contains("stand-in`, line 1: "), "{said}");
        }
    }
}
