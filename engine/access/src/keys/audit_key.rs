//! The key that signs the audit log: Ed25519.

use std::path::Path;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use zeroize::Zeroizing;

use super::files::AUDIT_SECRET;
use crate::AccessError;

/// The key pair of a seed.
pub(super) fn pair(seed: &Zeroizing<[u8; 32]>, folder: &Path) -> Result<Ed25519KeyPair, AccessError> {
    Ed25519KeyPair::from_seed_unchecked(&**seed)
        .map_err(|error| AccessError::Key { path: folder.join(AUDIT_SECRET), reason: error.to_string() })
}

/// What the file with the public half says.
pub(super) fn public_text(audit: &Ed25519KeyPair) -> String {
    format!("{}\n", hex::encode(audit.public_key().as_ref()))
}
