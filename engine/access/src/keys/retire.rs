//! The second half of a rotation: giving up the key that was replaced.

use sluis_crypt4gh::key_file;
use sluis_store::BodyId;

use super::{
    KeyChangeError,
    files::{self, NEW_PUBLIC, OLD_PUBLIC, OLD_SECRET, SITE_PUBLIC},
    in_use,
    rotate::{RotationStep, Stage, Tell, told},
};
use crate::{AccessError, Site};

/// How the second half of a rotation ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RotationEnd {
    /// There was nothing to finish.
    Nothing,
    /// The old key is gone.
    Done {
        /// How many data keys were sealed for the old key alone since the new one is in force.
        added: usize,
        /// How many packets for the old key were removed.
        removed: usize,
    },
    /// Processes that were begun before the new key was in force still use the old one.
    InUse,
    /// The packets of these bodies for the old key do not open, so it stays until they are gone.
    Unopened(Vec<BodyId>),
}

impl Site {
    /// The second half of a rotation, by whoever opened the site after the first. If it `waits`, it does so until no process
    /// uses the old key any more.
    ///
    /// # Errors
    /// As [`Site::begin_rotation`].
    pub fn finish_rotation(&self, waits: bool, tell: &mut Tell<'_>) -> Result<RotationEnd, AccessError> {
        let _lock = self.lock_keys()?;
        let folder = self.keys_dir();
        match Stage::of(&folder) {
            Stage::Settled => return Ok(RotationEnd::Nothing),
            Stage::Begun => return Err(KeyChangeError::Rotating.into()),
            Stage::Switched => {}
        }
        let keys = self.keys();
        let old = keys.old.as_ref().ok_or(KeyChangeError::Changed)?;
        let (own, public) = (keys.recipient(), old.public_key());
        self.decide_key_change("retire-key", "give up the site's old key", &public)?;
        files::remove_unfinished(&folder)?;
        // The first half may have ended before its last step.
        files::replace(&folder, SITE_PUBLIC, key_file::write_public_key(&own).as_bytes())?;
        files::remove(&folder.join(NEW_PUBLIC))?;
        let Some(_alone) = in_use::alone(&folder, &public, waits)? else { return Ok(RotationEnd::InUse) };
        let (added, unopened) = self.add_packets(old, &keys.site, tell)?;
        if !unopened.is_empty() {
            return Ok(RotationEnd::Unopened(unopened));
        }
        told(tell, RotationStep::AllSealed)?;
        let removed = self.store().bodies_for(&public)?.len();
        self.note_key_change("retired-key", old, &own, &[("packets-added", added), ("packets-to-remove", removed)])?;
        files::reseal(&folder, &keys.site, &[own])?;
        told(tell, RotationStep::KeysResealed)?;
        files::retire(&folder, &public)?;
        told(tell, RotationStep::OldRefused)?;
        let removed = self.remove_packets(old, tell)?;
        files::remove(&folder.join(OLD_SECRET))?;
        files::sync(&folder)?;
        // What follows is in nobody's way, should this end here.
        files::remove(&folder.join(OLD_PUBLIC))?;
        files::remove(&in_use::path(&folder, &public))?;
        files::sync(&folder)?;
        told(tell, RotationStep::OldRemoved)?;
        Ok(RotationEnd::Done { added, removed })
    }
}
