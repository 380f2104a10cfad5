//! The signed checkpoint.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use sluis_journal::Summary;

use super::AuditError;

#[derive(Serialize, Deserialize)]
struct Checkpoint {
    #[serde(flatten)]
    summary: Summary,
    /// An Ed25519 signature over [`signed_text`], in hexadecimal digits.
    signature: String,
}

/// Where the checkpoint is.
pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join("checkpoint.json")
}

/// What the checkpoint says; `None` if there is none.
pub(super) fn read(folder: &Path, public: &[u8]) -> Result<Option<Summary>, AuditError> {
    let path = path(folder);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(AuditError::File { path, source }),
    };
    let checkpoint: Option<Checkpoint> = serde_json::from_slice(&text).ok();
    let verified = checkpoint.and_then(|checkpoint| {
        let signature = hex::decode(&checkpoint.signature).ok()?;
        let text = signed_text(&checkpoint.summary);
        UnparsedPublicKey::new(&ED25519, public).verify(text.as_bytes(), &signature).ok()?;
        Some(checkpoint.summary)
    });
    verified.map(Some).ok_or(AuditError::Signature(path))
}

/// Replaces the checkpoint; called while the log is locked, so that no other process does the same.
pub(super) fn write(folder: &Path, summary: &Summary, key: &Ed25519KeyPair) -> io::Result<()> {
    let signature = hex::encode(key.sign(signed_text(summary).as_bytes()).as_ref());
    let checkpoint = Checkpoint { summary: summary.clone(), signature };
    let new = folder.join("checkpoint.new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&serde_json::to_vec(&checkpoint)?)?;
    file.sync_data()?;
    fs::rename(new, path(folder))
}

fn signed_text(summary: &Summary) -> String {
    format!("sluis audit checkpoint 1\n{}\n{}\n{}\n", summary.records, summary.length, summary.head)
}
