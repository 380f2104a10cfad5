//! The site's keys: the one it opens data with, the one addresses are made with, the one the audit log is signed with.
//!
//! While the site's key is being replaced (`rotate`), there are two: what is sealed for the old one alone can still be
//! opened, and what is made is sealed for both as long as a process knows only the old one.

mod agreed;
mod audit_key;
mod create;
mod error;
mod files;
mod in_use;
mod kms;
mod packets;
mod protect;
mod protection;
mod recover;
mod recovery;
mod retire;
mod rotate;
mod shamir;
mod share;
mod status;
mod token;

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use sluis_crypt4gh::{CryptoError, DataKey, HeaderPacket, PacketContent, PublicKey, SecretKey, key_file};
use zeroize::Zeroizing;

use crate::AccessError;
use agreed::Agreed;
pub use error::KeyChangeError;
use files::{
    ADDRESS_KEY, AUDIT_SECRET, NEW_PUBLIC, OLD_PUBLIC, OLD_SECRET, SITE_PUBLIC, SITE_SECRET, check_public, read_public,
    read_sealed, refuse_if_shared,
};
pub use kms::KmsKeyError;
pub(crate) use protection::nothing;
pub use protection::{KeyPrompt, KeyProtection, Unlock};
pub use recover::{RecoveredKey, recover_key};
pub use recovery::{RecoveryError, SealedShare};
pub use retire::RotationEnd;
pub use rotate::RotationStep;
pub use status::{KeyStatus, RotationStatus};
pub use token::TokenError;

/// The file that outsiders need to verify the audit log: 64 hexadecimal digits of an Ed25519 public key.
pub(crate) const AUDIT_PUBLIC: &str = "audit.pub";

/// The keys of an open site.
pub(crate) struct SiteKeys {
    folder: PathBuf,
    site: SecretKey,
    /// The one before it, while there may be something that is sealed for it alone.
    old: Option<SecretKey>,
    address: Zeroizing<[u8; 32]>,
    record: Zeroizing<[u8; 32]>,
    task: Zeroizing<[u8; 32]>,
    audit: Arc<Ed25519KeyPair>,
    agreed: Agreed,
    /// How often a data key was opened.
    opened: AtomicU64,
    /// Says to others that the key is in use.
    _in_use: File,
}

impl SiteKeys {
    /// Reads the keys; refuses a secret key that others may read. Asks only if it is protected.
    pub(crate) fn open(folder: &Path, unlock: &Unlock<'_>) -> Result<Self, AccessError> {
        // Who can write the folder can put other keys in it.
        refuse_if_shared(folder, 0o022, "700")?;
        loop {
            let text = read_site(folder)?;
            match Self::open_of(folder, &text, unlock) {
                // Another key took its place while this one's files were read.
                Err(_) if read_site(folder)? != text => {}
                outcome => return outcome,
            }
        }
    }

    fn open_of(folder: &Path, text: &str, unlock: &Unlock<'_>) -> Result<Self, AccessError> {
        let (site, protection) = protection::open(&folder.join(SITE_SECRET), text, unlock)?;
        files::refuse_if_retired(folder, &site.public_key())?;
        let in_use = in_use::hold(folder, &site.public_key())?;
        // It may have been given up before the lock was taken.
        if *read_site(folder)? != *text {
            return Err(KeyChangeError::Changed.into());
        }
        let old = match protection::read(&folder.join(OLD_SECRET))? {
            Some(text) => Some(protection.open(&folder.join(OLD_SECRET), &text)?),
            None => None,
        };
        // A copy of the same key: its place is about to be taken.
        let old = old.filter(|old| old.public_key() != site.public_key());
        let address = read_sealed(&folder.join(ADDRESS_KEY), &site)?;
        let audit = audit_key::pair(&read_sealed(&folder.join(AUDIT_SECRET), &site)?, folder)?;
        // What is handed to others must be what is used.
        let public = |key: &SecretKey| key_file::write_public_key(&key.public_key());
        let known: Vec<_> = [Some(&site), old.as_ref()].into_iter().flatten().map(public).collect();
        check_public(&folder.join(SITE_PUBLIC), &known)?;
        check_public(&folder.join(AUDIT_PUBLIC), &[audit_key::public_text(&audit)])?;
        let derive = |purpose| Zeroizing::new(blake3::derive_key(purpose, &*address));
        let (record, task) = (derive("sluis 1 record authentication"), derive("sluis 1 task keys"));
        let (audit, folder, opened) = (Arc::new(audit), folder.to_owned(), AtomicU64::new(0));
        Ok(Self { folder, site, old, address, record, task, audit, agreed: Agreed::default(), opened, _in_use: in_use })
    }

    /// Opens a header packet that was sealed for the site. Each use of the key counts.
    pub(crate) fn open_packet<E>(
        &self,
        packet_for: impl Fn(&PublicKey) -> Result<Option<HeaderPacket>, E>,
    ) -> Result<Option<PacketContent>, E> {
        // What had none for the new key when it was looked for may have one when there is none for the old key any more.
        let keys = [Some(&self.site), self.old.as_ref(), self.old.as_ref().map(|_| &self.site)];
        for key in keys.into_iter().flatten() {
            if let Some(packet) = packet_for(&key.public_key())?
                && let Some(content) = self.open_with(key, &packet)
            {
                return Ok(Some(content));
            }
        }
        Ok(None)
    }

    fn open_with(&self, key: &SecretKey, packet: &HeaderPacket) -> Option<PacketContent> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        self.agreed.open(key, packet).ok()
    }

    /// Seals a data key for somebody.
    pub(crate) fn seal_packet(&self, key: &DataKey, recipient: &PublicKey) -> Result<HeaderPacket, CryptoError> {
        self.agreed.seal(key, recipient)
    }

    /// How often the site's key was used to open a header packet.
    pub(crate) fn uses(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// The public half of it.
    pub(crate) const fn recipient(&self) -> PublicKey {
        self.site.public_key()
    }

    /// For whom a new object is to be sealed; to be kept until it is whole.
    pub(crate) fn recipients(&self) -> in_use::Recipients {
        let old = self.old.as_ref().map(SecretKey::public_key);
        let held = old.and_then(|old| Some((old, in_use::hold_old(&self.folder, &old)?)));
        let (old, hold) = held.map_or((None, None), |(old, hold)| (Some(old), Some(hold)));
        in_use::Recipients { keys: [self.recipient()].into_iter().chain(old).collect(), _hold: hold }
    }

    /// Whether a public key is the site's, was before it, or is about to be.
    pub(crate) fn is_own(&self, key: &PublicKey) -> bool {
        let is_in = |name| read_public(&self.folder.join(name)).as_ref() == Some(key);
        let is_known = [Some(&self.site), self.old.as_ref()].into_iter().flatten().any(|own| own.public_key() == *key);
        is_known || [SITE_PUBLIC, NEW_PUBLIC, OLD_PUBLIC].into_iter().any(is_in)
    }

    pub(crate) fn address_key(&self) -> &[u8; 32] {
        &self.address
    }

    pub(crate) fn record_key(&self) -> &[u8; 32] {
        &self.record
    }

    pub(crate) fn task_key(&self) -> &[u8; 32] {
        &self.task
    }

    /// The key that signs the audit log's checkpoints.
    pub(crate) const fn audit(&self) -> &Arc<Ed25519KeyPair> {
        &self.audit
    }

    pub(crate) fn audit_public(&self) -> &[u8] {
        self.audit.public_key().as_ref()
    }
}

impl std::fmt::Debug for SiteKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SiteKeys")
    }
}

/// The text of the file of the site's secret key.
fn read_site(folder: &Path) -> Result<Zeroizing<String>, AccessError> {
    let path = folder.join(SITE_SECRET);
    let text = protection::read(&path)?;
    text.ok_or_else(|| AccessError::file(&path, "read")(std::io::ErrorKind::NotFound.into()))
}

fn fill_random(bytes: &mut [u8]) -> Result<(), AccessError> {
    getrandom::fill(bytes).map_err(|_| sluis_crypt4gh::CryptoError::Random.into())
}
