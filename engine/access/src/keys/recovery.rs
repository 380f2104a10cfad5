//! Splitting the site's secret key among people of whom some together can restore it.

use std::collections::BTreeSet;

use sluis_crypt4gh::{FileError, PublicKey, key_file};

use super::{
    KeyChangeError, fill_random,
    rotate::Stage,
    shamir,
    share::{Share, ShareSet, public_of},
};
use crate::{AccessError, Site, audit::Entry};

/// Why a site's secret key cannot be split into shares, or be restored of them.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// Nobody is to restore the key alone, and as many as it takes must be there.
    #[error(
        "{threshold} of {recipients} shares cannot be made: name from 2 to 255 recipients, and a threshold from 2 to as many"
    )]
    Threshold {
        /// How many shares are to restore the key.
        threshold: usize,
        /// How many recipients were named.
        recipients: usize,
    },
    /// One person with two shares is not two people.
    #[error("the recipient {0} is named twice; each share goes to somebody else")]
    Twice(String),
    /// The site's own key opens nothing when it is lost.
    #[error("the recipient {0} is the site itself, whose key is lost when the shares are needed")]
    Own(String),
    /// A share cannot be sealed for its recipient.
    #[error("a share cannot be sealed for the recipient {recipient}")]
    Sealing {
        /// The public key, in hexadecimal digits.
        recipient: String,
        /// Why.
        source: FileError,
    },
    /// What was given is no share, or not as it was made.
    #[error(
        "the share number {0} of those given is no recovery share, or was changed; decrypt it anew with `sluis crypt decrypt`"
    )]
    NoShare(usize),
    /// Shares of different secrets.
    #[error("the shares number 1 and {0} of those given were not made together; give shares of one set")]
    Mixed(usize),
    /// The same share again.
    #[error("the share {0} was given twice")]
    Repeated(u8),
    /// More are needed.
    #[error("it takes {needed} shares to restore the key, and {given} were given")]
    TooFew {
        /// How many it takes.
        needed: u8,
        /// How many there were.
        given: usize,
    },
    /// Somebody else signed the shares.
    #[error("the shares were not made by the site whose audit key was given")]
    OtherSite,
    /// What came out is not the key.
    #[error("the shares do not give the secret key back of which they say to be shares")]
    Wrong,
}

/// A share of the site's secret key, as a Crypt4GH file for one recipient.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SealedShare {
    /// Its number, from 1.
    pub number: u8,
    /// What the shares have in common that were made together, as 8 hexadecimal digits.
    pub set: String,
    /// For whom it is.
    pub recipient: PublicKey,
    /// The file.
    pub file: Vec<u8>,
}

impl Site {
    /// Splits the site's secret key into a share for each recipient, any `threshold` of which restore it.
    ///
    /// # Errors
    /// The refusal, [`RecoveryError`] if the recipients do not fit the threshold, or [`KeyChangeError::Rotating`] if the
    /// key is about to be another one.
    pub fn split_key(&self, recipients: &[PublicKey], threshold: u8) -> Result<Vec<SealedShare>, AccessError> {
        let _lock = self.lock_keys()?;
        if Stage::of(&self.keys_dir()) != Stage::Settled {
            return Err(KeyChangeError::Rotating.into());
        }
        self.check_key_in_force()?;
        let count = self.check_recipients(recipients, threshold)?;
        let key = self.keys().recipient();
        let permit = self.decide_key_change("split-key", "split the site's key among others", &key)?;
        let mut id = [0; 16];
        fill_random(&mut id)?;
        let audit = self.keys().audit();
        let audit_key = public_of(audit).ok_or(KeyChangeError::Changed)?;
        let site = self.config().name.clone();
        let set = ShareSet { site, key, set: id, shares: count, threshold, audit_key };
        let secret = key_file::write_secret_key(&self.keys().site);
        let values = shamir::split(secret.as_bytes(), threshold, count)?;
        let mut sealed = Vec::new();
        for ((value, recipient), number) in values.into_iter().zip(recipients).zip(1..=count) {
            let text = Share { set: set.clone(), number, value }.write(audit);
            let file = seal(&text, recipient)?;
            let mut entry = Entry::new("gave-key-share");
            entry.permit = Some(permit);
            entry.recipient = Some(hex::encode(recipient.as_bytes()));
            self.audit().record(&entry)?;
            sealed.push(SealedShare { number, set: hex::encode(&id[..4]), recipient: *recipient, file });
        }
        Ok(sealed)
    }

    /// How many recipients there are.
    fn check_recipients(&self, recipients: &[PublicKey], threshold: u8) -> Result<u8, RecoveryError> {
        let mut seen = BTreeSet::new();
        if let Some(twice) = recipients.iter().find(|recipient| !seen.insert(**recipient)) {
            return Err(RecoveryError::Twice(hex::encode(twice.as_bytes())));
        }
        if let Some(own) = recipients.iter().find(|recipient| self.keys().is_own(recipient)) {
            return Err(RecoveryError::Own(hex::encode(own.as_bytes())));
        }
        let unfit = || RecoveryError::Threshold { threshold: threshold.into(), recipients: recipients.len() };
        let count = u8::try_from(recipients.len()).map_err(|_| unfit())?;
        if (2..=count).contains(&threshold) { Ok(count) } else { Err(unfit()) }
    }
}

fn seal(text: &str, recipient: &PublicKey) -> Result<Vec<u8>, RecoveryError> {
    let mut file = Vec::new();
    let sealed = sluis_crypt4gh::seal(text.as_bytes(), &mut file, &[*recipient]);
    sealed.map_err(|source| RecoveryError::Sealing { recipient: hex::encode(recipient.as_bytes()), source })?;
    Ok(file)
}
