//! Restoring a site's secret key of shares. No site is opened: its key is what is missing.

use std::{path::Path, sync::Arc};

use aws_lc_rs::signature::KeyPair;
use sluis_crypt4gh::{PublicKey, key_file};
use sluis_journal::OsDisk;
use zeroize::Zeroizing;

use super::{
    RecoveryError, audit_key,
    files::{AUDIT_SECRET, read_sealed},
    shamir,
    share::Share,
};
use crate::{AccessError, Audit, audit::Entry};

/// A restored secret key.
pub struct RecoveredKey {
    /// The name of the site.
    pub site: String,
    /// The public half.
    pub public_key: PublicKey,
    /// The public key of the audit log by which the shares are signed, in hexadecimal digits.
    pub audit_key: String,
    /// The numbers of the shares that restored it.
    pub shares: Vec<u8>,
    /// The text of the secret key's file, in plain.
    pub text: Zeroizing<String>,
}

/// Restores the secret key of the texts of as many shares as it takes, or more. `audit_key` is the public key of the site's
/// audit log, in hexadecimal digits; without it the shares only prove that they were made together.
///
/// # Errors
/// If a text is no share, was changed, or is not of the same set as the others; if there are too few; or if the audit key is
/// another one.
pub fn recover_key(texts: &[Zeroizing<String>], audit_key: Option<&str>) -> Result<RecoveredKey, RecoveryError> {
    let mut shares: Vec<Share> = Vec::new();
    for (text, number) in texts.iter().zip(1..) {
        let share = Share::read(text).ok_or(RecoveryError::NoShare(number))?;
        if shares.first().is_some_and(|first| first.set != share.set) {
            return Err(RecoveryError::Mixed(number));
        }
        if shares.iter().any(|other| other.number == share.number) {
            return Err(RecoveryError::Repeated(share.number));
        }
        shares.push(share);
    }
    let set = shares.first().map(|first| first.set.clone()).ok_or(RecoveryError::TooFew { needed: 2, given: 0 })?;
    let signer = hex::encode(set.audit_key);
    if audit_key.is_some_and(|expected| expected.trim() != signer) {
        return Err(RecoveryError::OtherSite);
    }
    if shares.len() < usize::from(set.threshold) {
        return Err(RecoveryError::TooFew { needed: set.threshold, given: shares.len() });
    }
    let points: Vec<_> = shares.iter().map(|share| (share.number, share.value.as_slice())).collect();
    let bytes = shamir::combine(&points).ok_or(RecoveryError::Wrong)?;
    let text = std::str::from_utf8(&bytes).map(str::to_owned).map(Zeroizing::new).map_err(|_| RecoveryError::Wrong)?;
    let key = key_file::read_secret_key(&text).map_err(|_| RecoveryError::Wrong)?;
    if key.public_key() != set.key {
        return Err(RecoveryError::Wrong);
    }
    let numbers = shares.iter().map(|share| share.number).collect();
    Ok(RecoveredKey { site: set.site, public_key: set.key, audit_key: signer, shares: numbers, text })
}

impl RecoveredKey {
    /// Writes into the audit log of the site in a folder that its key was restored, and by which shares; gives whether it
    /// did. It does not if there is no site, or the key is that of another one, or was given up.
    ///
    /// # Errors
    /// If the log cannot be written, or the shares were signed by another one's key.
    pub fn note_in(&self, folder: &Path) -> Result<bool, AccessError> {
        let keys = folder.join("keys");
        let key = key_file::read_secret_key(&self.text).map_err(|_| RecoveryError::Wrong)?;
        // The restored key is what opens the log's.
        let Ok(seed) = read_sealed(&keys.join(AUDIT_SECRET), &key) else { return Ok(false) };
        let pair = Arc::new(audit_key::pair(&seed, &keys)?);
        if hex::encode(pair.public_key().as_ref()) != self.audit_key {
            return Err(RecoveryError::OtherSite.into());
        }
        let mut entry = Entry::new("recovered-key");
        entry.recipient = Some(hex::encode(self.public_key.as_bytes()));
        let numbers: Vec<_> = self.shares.iter().map(ToString::to_string).collect();
        entry.reasons = vec![format!("restored by the shares {}", numbers.join(", "))];
        let public = pair.public_key().as_ref();
        Audit::open(&folder.join("audit"), &pair, public, Arc::new(OsDisk))?.decide(&entry)?;
        Ok(true)
    }
}

impl std::fmt::Debug for RecoveredKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecoveredKey(of {:?})", self.public_key)
    }
}
