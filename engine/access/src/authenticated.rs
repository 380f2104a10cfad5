//! Small texts that only this site can have written: one line of JSON and a keyed hash over it.
//!
//! Format: the line, a line feed, 64 hexadecimal digits. The hash is BLAKE3, keyed with the site's record key, over the
//! kind of line, a line feed, what it belongs to, a line feed, and the line.

use serde::{Serialize, de::DeserializeOwned};

use crate::keys::SiteKeys;

/// What a line is about. The names are part of the format.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Record,
    Labels,
    Task,
    Export,
    Delegation,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Record => "record 1",
            Self::Labels => "labels 1",
            Self::Task => "task 1",
            Self::Export => "export 1",
            Self::Delegation => "delegation 1",
        }
    }
}

/// Writes `content` so that it verifies for this kind and owner alone.
pub(crate) fn write(
    keys: &SiteKeys,
    kind: Kind,
    owner: &str,
    content: &impl Serialize,
) -> Result<Vec<u8>, serde_json::Error> {
    let line = serde_json::to_string(content)?;
    let hash = keyed_hash(keys, kind, owner, line.as_bytes());
    Ok(format!("{line}\n{}", hash.to_hex()).into_bytes())
}

/// What [`write`] wrote, and what stands behind it, which it says nothing of.
pub(crate) fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |line| line + 1 + 64);
    bytes.split_at(end.min(bytes.len()))
}

/// Reads what [`write`] wrote; `None` if it is anything else.
pub(crate) fn read<T: DeserializeOwned>(keys: &SiteKeys, kind: Kind, owner: &str, bytes: &[u8]) -> Option<T> {
    let (rest, digits) = bytes.split_at_checked(bytes.len().checked_sub(64)?)?;
    let line = rest.strip_suffix(b"\n")?;
    // Only the digits that are written count: capitals would be another spelling of the same hash.
    let found = digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')).then_some(digits)?;
    let found = blake3::Hash::from_hex(found).ok()?;
    // `Hash` compares in constant time.
    (found == keyed_hash(keys, kind, owner, line)).then(|| serde_json::from_slice(line).ok())?
}

fn keyed_hash(keys: &SiteKeys, kind: Kind, owner: &str, line: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_keyed(keys.record_key());
    for part in [kind.name().as_bytes(), b"\n", owner.as_bytes(), b"\n", line] {
        hasher.update(part);
    }
    hasher.finalize()
}
