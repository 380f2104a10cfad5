//! Pins: what is to stay whether or not a run needs it.

use std::fmt;

use sluis_model::{Address, RunId};

use crate::{Store, StoreError, backend::Mode, layout};

/// What a pin keeps.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Pinned {
    /// An object.
    Object(Address),
    /// A run with everything that it read and made.
    Run(RunId),
}

impl fmt::Display for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(address) => address.fmt(f),
            Self::Run(run) => run.fmt(f),
        }
    }
}

impl Store {
    /// Writes a pin; an earlier one for the same is replaced.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put_pin(&self, pinned: &Pinned, note: &[u8]) -> Result<(), StoreError> {
        self.put_one(layout::pin(pinned), note.to_vec(), Mode::Replace).map(drop)
    }

    /// Takes a pin away, durably; `false` if there is none.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove_pin(&self, pinned: &Pinned) -> Result<bool, StoreError> {
        let name = layout::pin(pinned);
        let is_there = self.backend.look(&name)?.is_some();
        self.backend.delete(&[name])?;
        Ok(is_there)
    }

    /// Every pin with its note, in order.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn pins(&self) -> Result<Vec<(Pinned, Vec<u8>)>, StoreError> {
        let mut pins = Vec::new();
        for listed in self.backend.list(layout::PINS)? {
            let name = listed?.name;
            if let (Some(pinned), Some(note)) = (layout::pinned(&name), self.backend.read(&name)?) {
                pins.push((pinned, note));
            }
        }
        pins.sort_unstable();
        Ok(pins)
    }
}
