//! The key that signs the log, by the name that others know the log by.

use std::{fs, path::Path};

use sluis_transparency::VerifierKey;

use super::AuditError;

/// The log's name, which is the key's name too: it is told by the key alone, so no two sites' logs have the same.
pub(super) fn log_name(public: &[u8; 32]) -> String {
    format!("sluis-audit/{}", hex::encode(&public[..8]))
}

/// Reads a public key: 64 hexadecimal digits, as in `keys/audit.pub`, or a C2SP verifier key.
pub(super) fn read_public(path: &Path) -> Result<VerifierKey, AuditError> {
    let text = fs::read_to_string(path).map_err(AuditError::file(path, "read"))?;
    let text = text.trim();
    let mut public = [0; 32];
    let key = match hex::decode_to_slice(text, &mut public) {
        Ok(()) => VerifierKey::new(&log_name(&public), public),
        Err(_) => text.parse(),
    };
    key.map_err(|_| AuditError::PublicKey(path.to_owned()))
}
