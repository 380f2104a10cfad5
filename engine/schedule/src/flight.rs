//! Single flight: what several jobs need at the same time is run once, whichever runs of the site they belong to.
//!
//! Of the job that runs a task one byte of a file of the site is locked; the task's key says which. The lock hangs on
//! a file that the engine has open: it goes when the engine does, however that ends, and leaves nothing to clean up.
//! Who waits for it holds nothing that others wait for, and whoever holds it waits for nothing but room: nobody waits
//! for ever.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{errno::Errno, fcntl::FcntlArg, libc};
use sluis_model::TaskKey;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How long to wait before looking again, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// The tasks in flight at a site.
#[derive(Debug)]
pub(crate) struct Flights {
    path: PathBuf,
}

/// One task in flight, until this is dropped.
#[derive(Debug)]
pub(crate) struct Flight {
    _locked: File,
}

impl Flights {
    /// Those of the site in a folder.
    pub fn of_site(folder: &Path) -> Self {
        Self { path: folder.join("flights") }
    }

    /// Takes the flight of a task; `None` if another job has it.
    pub fn try_take(&self, key: &TaskKey) -> io::Result<Option<Flight>> {
        // A lock of this kind belongs to the open file, so each flight has one of its own.
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&self.path)?;
        let lock = libc::flock {
            l_type: libc::F_WRLCK as libc::c_short,
            l_whence: libc::SEEK_SET as libc::c_short,
            l_start: place_of(key),
            l_len: 1,
            l_pid: 0,
        };
        match nix::fcntl::fcntl(&file, FcntlArg::F_OFD_SETLK(&lock)) {
            Ok(_) => Ok(Some(Flight { _locked: file })),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until nobody else has the flight of a task, and takes it; `None` if that is cancelled before.
    pub async fn take(&self, key: &TaskKey, cancel: &CancellationToken) -> io::Result<Option<Flight>> {
        let mut pause = FIRST_PAUSE;
        loop {
            if let Some(flight) = self.try_take(key)? {
                return Ok(Some(flight));
            }
            tokio::select! {
                () = cancel.cancelled() => return Ok(None),
                () = sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
        }
    }
}

/// The byte of a task's flight. Should two tasks ever have the same one, one of them waits in vain.
fn place_of(key: &TaskKey) -> i64 {
    let mut beginning = [0; 8];
    beginning.copy_from_slice(&key.as_bytes()[..8]);
    i64::from_le_bytes(beginning) & (i64::MAX >> 1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    fn key(byte: u8) -> TaskKey {
        TaskKey::from_bytes([byte; 32])
    }

    #[test]
    fn a_flight_is_taken_by_one_at_a_time_and_each_task_has_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, theirs) = (Flights::of_site(folder.path()), Flights::of_site(folder.path()));
        let flight = ours.try_take(&key(1)).unwrap().unwrap();
        assert!(ours.try_take(&key(1)).unwrap().is_none(), "by another job of this engine");
        assert!(theirs.try_take(&key(1)).unwrap().is_none(), "by another engine");
        let other = theirs.try_take(&key(255)).unwrap().unwrap();
        drop(flight);
        assert!(theirs.try_take(&key(1)).unwrap().is_some());
        drop(other);
    }

    #[tokio::test]
    async fn who_waits_for_a_flight_has_it_as_soon_as_it_is_free_and_may_give_up() {
        let folder = tempfile::tempdir().unwrap();
        let flights = Flights::of_site(folder.path());
        let flight = flights.try_take(&key(1)).unwrap();
        let cancel = CancellationToken::new();
        let key = key(1);
        let waits = flights.take(&key, &cancel);
        let (given_up, ()) = tokio::join!(waits, async { cancel.cancel() });
        assert!(given_up.unwrap().is_none());
        let cancel = CancellationToken::new();
        let waits = flights.take(&key, &cancel);
        let (taken, ()) = tokio::join!(waits, async { drop(flight) });
        assert!(taken.unwrap().is_some());
    }
}
