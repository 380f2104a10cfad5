//! Which policies a decision was made by.

use std::fmt;

use serde::{Serialize, Serializer};

/// The BLAKE3 hash of the schema and of every policy text with its name, for the audit log.
///
/// It is taken over `sluis policy set 1`, a line feed, and then for each text its name and the text itself, each after
/// its length in bytes as a little-endian 64-bit number: first the schema, then the policies that ship, then the site's
/// in the order of their names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PolicyDigest(blake3::Hash);

impl PolicyDigest {
    pub(crate) fn of<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"sluis policy set 1\n");
        for part in texts.into_iter().flat_map(|(name, text)| [name, text]) {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        Self(hasher.finalize())
    }
}

impl fmt::Display for PolicyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_hex())
    }
}

impl Serialize for PolicyDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
