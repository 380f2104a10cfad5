//! What others wrote and may not have flushed yet.
//!
//! A name is visible before it is on the disk. Who finds a blob and relies on it must not do so before its writer has
//! flushed it; the writer may have been killed in between, so its word is not waited for. One flush of everything serves
//! for all that was there before it, so that finding ten thousand blobs costs one.

use std::{
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use crate::StoreError;

/// After so many seconds the system has written everything by itself.
const WRITTEN_BACK: i64 = 600;

/// Until when everything is known to be on the disk, in seconds since 1970; times of files are coarse.
#[derive(Default, Debug)]
pub(super) struct Flushed(Mutex<i64>);

impl Flushed {
    /// Sees to it that a blob is on the disk whose file was last changed or named at `changed`; `flush` flushes
    /// everything that is visible.
    pub(super) fn confirm(
        &self,
        changed: i64,
        flush: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut until = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs().cast_signed());
        if changed < *until || changed < now - WRITTEN_BACK {
            return Ok(());
        }
        flush()?;
        *until = now;
        Ok(())
    }
}
