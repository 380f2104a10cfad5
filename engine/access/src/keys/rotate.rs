//! Giving the site another key. The sealed bodies stay as they are: each gets a header packet for the new key.
//!
//! The first half ([`Site::begin_rotation`]) makes the new key pair, seals everything for both keys and puts the new pair
//! in the place of the old one. Processes that have the site open go on with the old key, and seal for it. The second half
//! ([`Site::finish_rotation`]) waits until there are none, seals what they made for the new key, and only then removes the
//! packets for the old key and the old key itself. Each half may end at any point: called again, it goes on.

use std::{
    collections::BTreeMap,
    fs::File,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use sluis_crypt4gh::{PublicKey, SecretKey, key_file};
use sluis_policy::Action;

use super::{
    KeyChangeError, Unlock,
    files::{self, NEW_PUBLIC, NEW_SECRET, OLD_PUBLIC, OLD_SECRET, SITE_PUBLIC, SITE_SECRET},
    protection,
};
use crate::{AccessError, Site, audit::Entry, decide::Found};

/// What a rotation has just done, durably.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RotationStep {
    /// The new key pair is in its files.
    KeyMade,
    /// The keys for addresses and the audit log are sealed for both keys.
    KeysSealed,
    /// So many data keys of so many are sealed for the new key.
    PacketsAdded(usize, usize),
    /// The old key has a second copy under its own name.
    OldKept,
    /// The secret key in force is the new one.
    SecretSwitched,
    /// Its public half, too: the site has its new key.
    Switched,
    /// Nothing is sealed for the old key alone any more.
    AllSealed,
    /// The keys for addresses and the audit log are sealed for the new key alone.
    KeysResealed,
    /// The old key does not open the site any more.
    OldRefused,
    /// So many packets of so many for the old key are removed.
    PacketsRemoved(usize, usize),
    /// The old key is gone.
    OldRemoved,
}

/// Is told of each step; who breaks stops the rotation there.
pub(super) type Tell<'a> = dyn FnMut(RotationStep) -> ControlFlow<()> + 'a;

/// How far a rotation has come, by the files that are there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// There is none.
    Settled,
    /// A new key was made.
    Begun,
    /// The new key is in force.
    Switched,
}

impl Stage {
    pub fn of(folder: &Path) -> Self {
        if folder.join(NEW_SECRET).exists() {
            Self::Begun
        } else if folder.join(OLD_SECRET).exists() {
            Self::Switched
        } else {
            Self::Settled
        }
    }
}

impl Site {
    /// The first half of a rotation: when it returns, the site's key is another one for whoever opens the site from then
    /// on. The new key is protected as the old one is, so `unlock` is asked once more. `tell` is told of each step.
    ///
    /// # Errors
    /// The refusal, or [`KeyChangeError`], or what kept something from being read or written.
    pub fn begin_rotation(&self, unlock: &Unlock<'_>, tell: &mut Tell<'_>) -> Result<(), AccessError> {
        let _lock = self.lock_keys()?;
        let folder = self.keys_dir();
        let stage = Stage::of(&folder);
        if stage == Stage::Switched {
            return Ok(());
        }
        self.check_key_in_force()?;
        let protection = self.protection(unlock)?;
        let path = folder.join(NEW_SECRET);
        let new = match protection::read(&path)? {
            Some(text) => protection.open(&path, &text)?,
            None => SecretKey::generate()?,
        };
        let (old, public) = (&self.keys().site, new.public_key());
        self.decide_key_change("rotate-key", "give the site another key", &public)?;
        files::remove_unfinished(&folder)?;
        // First, so that others know the key of the packets that follow as the site's own.
        files::replace(&folder, NEW_PUBLIC, key_file::write_public_key(&public).as_bytes())?;
        if stage == Stage::Settled {
            files::replace(&folder, NEW_SECRET, protection.keep(&new)?.as_bytes())?;
        }
        told(tell, RotationStep::KeyMade)?;
        files::reseal(&folder, old, &[old.public_key(), public])?;
        told(tell, RotationStep::KeysSealed)?;
        let (added, _) = self.add_packets(old, &new, tell)?;
        self.note_key_change("rotated-key", old, &public, &[("packets-added", added)])?;
        self.switch(&folder, protection.keep(old)?.as_bytes(), tell)
    }

    /// Puts the new key pair in the place of the old one, of which a copy stays.
    fn switch(&self, folder: &Path, old: &[u8], tell: &mut Tell<'_>) -> Result<(), AccessError> {
        let old_public = key_file::write_public_key(&self.keys().recipient());
        files::replace(folder, OLD_PUBLIC, old_public.as_bytes())?;
        files::replace(folder, OLD_SECRET, old)?;
        told(tell, RotationStep::OldKept)?;
        files::rename(folder, NEW_SECRET, SITE_SECRET)?;
        told(tell, RotationStep::SecretSwitched)?;
        files::rename(folder, NEW_PUBLIC, SITE_PUBLIC)?;
        told(tell, RotationStep::Switched)
    }

    /// The folder of the keys.
    pub(super) fn keys_dir(&self) -> PathBuf {
        self.dir().join("keys")
    }

    /// Keeps others from removing objects and from changing keys, until the file is dropped.
    pub(super) fn lock_keys(&self) -> Result<File, AccessError> {
        Ok(self.lock_removals(false)?.ok_or(KeyChangeError::UnderWay)?)
    }

    /// Refuses to go on from a key that is not the site's any more.
    pub(super) fn check_key_in_force(&self) -> Result<(), AccessError> {
        let found = files::read_public(&self.keys_dir().join(SITE_PUBLIC));
        if found == Some(self.keys().recipient()) { Ok(()) } else { Err(KeyChangeError::Changed.into()) }
    }

    /// Writes down that a key takes another's place, or that the other is given up, and how many packets that took.
    pub(super) fn note_key_change(
        &self,
        action: &str,
        old: &SecretKey,
        new: &PublicKey,
        counts: &[(&str, usize)],
    ) -> Result<(), AccessError> {
        let mut entry = Entry::new(action);
        entry.recipient = Some(hex::encode(new.as_bytes()));
        let keys = [("old-key", hex::encode(old.public_key().as_bytes())), ("new-key", hex::encode(new.as_bytes()))];
        let counts = counts.iter().map(|(name, count)| (*name, count.to_string()));
        entry.facts = BTreeMap::from_iter(keys.into_iter().chain(counts).map(|(name, value)| (name.to_owned(), value)));
        self.audit().record(&entry)
    }

    /// Decides whether the site's key may be changed; that is in the audit log when this returns.
    pub(super) fn decide_key_change(&self, action: &str, text: &str, key: &PublicKey) -> Result<u64, AccessError> {
        let asked = self.asked(Action::Administer, self.as_resource(), None);
        let mut entry = Entry::new(action);
        entry.recipient = Some(hex::encode(key.as_bytes()));
        Ok(self.decide(&asked, text.to_owned(), entry, |_, _| Ok(Found::default()))?.position)
    }
}

pub(super) fn told(tell: &mut Tell<'_>, step: RotationStep) -> Result<(), AccessError> {
    match tell(step) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(KeyChangeError::Stopped.into()),
    }
}
