//! The tests that sluis is known not to pass.

use std::collections::BTreeMap;

/// The ids of those tests, each with the reason.
pub struct Expected(BTreeMap<String, String>);

impl Expected {
    /// What `conformance/expected.txt` says.
    pub fn read() -> Self {
        Self::parse(include_str!("../../expected.txt"))
    }

    /// Reads an id and a reason a line; lines that begin with `#` are comments.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let listed = lines.map(|line| {
            let (id, reason) = line.split_once(' ').unwrap_or_else(|| panic!("`{line}` gives no reason"));
            (id.to_owned(), reason.to_owned())
        });
        Self(listed.collect())
    }

    /// Why a test is listed, if it is.
    pub fn reason(&self, id: &str) -> Option<&str> {
        self.0.get(id).map(String::as_str)
    }

    /// All tests that are listed.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
