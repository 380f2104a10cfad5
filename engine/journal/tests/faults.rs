//! What does not reach the disk: who waits is told, and nothing that the system may have lost is taken for kept.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use sluis_journal::{Disk, Journal, JournalError, Summary};

/// A disk that does what Linux does: a flush that fails gives up what was to be written, and says so once. If it `loses`,
/// what was given up cannot be read any more, either.
#[derive(Debug, Default)]
struct ForgetfulDisk {
    pending: Mutex<Vec<(u64, Vec<u8>)>>,
    on_disk: Mutex<Vec<u8>>,
    fails: AtomicBool,
    loses: AtomicBool,
    flushes: AtomicUsize,
}

impl Disk for ForgetfulDisk {
    fn write(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        self.pending.lock().unwrap().push((at, bytes.to_vec()));
        file.write_all_at(bytes, at)
    }

    fn flush(&self, file: &File) -> io::Result<()> {
        self.flushes.fetch_add(1, Ordering::Relaxed);
        let pending = std::mem::take(&mut *self.pending.lock().unwrap());
        if self.fails.load(Ordering::Relaxed) {
            for (at, bytes) in pending.iter().filter(|_| self.loses.load(Ordering::Relaxed)) {
                file.write_all_at(&vec![0; bytes.len()], *at)?;
            }
            return Err(io::Error::from_raw_os_error(5));
        }
        let mut on_disk = self.on_disk.lock().unwrap();
        for (at, bytes) in pending {
            let end = at as usize + bytes.len();
            let length = on_disk.len().max(end);
            on_disk.resize(length, 0);
            on_disk[at as usize..end].copy_from_slice(&bytes);
        }
        Ok(())
    }
}

fn journal(disk: Arc<dyn Disk>) -> (tempfile::TempDir, PathBuf, Journal) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let journal = Journal::open_on(&path, Summary::empty(), disk).unwrap();
    (folder, path, journal)
}

fn is_unflushed<T>(outcome: &Result<T, JournalError>) -> bool {
    let cause = match outcome {
        Err(JournalError::NotRecorded(cause)) => cause,
        Err(other) => other,
        Ok(_) => return false,
    };
    matches!(cause, JournalError::Io { doing: "flushed to the disk", .. })
}

#[test]
fn what_a_failed_flush_may_have_lost_is_written_again_before_it_counts_as_kept() {
    let disk = Arc::new(ForgetfulDisk::default());
    let (_folder, path, journal) = journal(disk.clone());
    journal.append(&"one").unwrap();
    let two = journal.append_relaxed(&"two").unwrap();
    disk.fails.store(true, Ordering::Relaxed);
    assert!(is_unflushed(&journal.flush(two)));
    assert!(is_unflushed(&journal.flush(two)), "who asks again is told again");
    assert!(is_unflushed(&journal.append(&"three")));
    assert!(journal.sync(|_| Ok(())).is_err());
    disk.fails.store(false, Ordering::Relaxed);
    journal.flush(two).unwrap();
    assert_eq!(*disk.on_disk.lock().unwrap(), fs::read(&path).unwrap());
    journal.append(&"four").unwrap();
    assert_eq!(*disk.on_disk.lock().unwrap(), fs::read(&path).unwrap());
    assert_eq!(Journal::verify(&path).unwrap().records, 4);
}

#[test]
fn a_sync_writes_again_what_a_failed_flush_may_have_lost() {
    let disk = Arc::new(ForgetfulDisk::default());
    let (_folder, path, journal) = journal(disk.clone());
    disk.fails.store(true, Ordering::Relaxed);
    assert!(is_unflushed(&journal.append(&"one")));
    disk.fails.store(false, Ordering::Relaxed);
    journal.sync(|_| Ok(())).unwrap();
    assert_eq!(*disk.on_disk.lock().unwrap(), fs::read(&path).unwrap());
}

#[test]
fn what_a_failed_flush_did_lose_is_not_taken_for_kept() {
    let disk = Arc::new(ForgetfulDisk::default());
    let (_folder, path, journal) = journal(disk.clone());
    journal.append(&"one").unwrap();
    let two = journal.append_relaxed(&"two").unwrap();
    disk.fails.store(true, Ordering::Relaxed);
    disk.loses.store(true, Ordering::Relaxed);
    assert!(is_unflushed(&journal.flush(two)));
    disk.fails.store(false, Ordering::Relaxed);
    for _ in 0..2 {
        let Err(JournalError::NotRecorded(cause)) = journal.flush(two) else { panic!("it is taken for kept") };
        assert!(matches!(*cause, JournalError::Lost { known: 2, .. }), "{cause}");
        assert!(matches!(journal.sync(|_| Ok(())), Err(JournalError::Lost { .. })));
    }
    assert_eq!(Journal::verify(&path).unwrap().records, 1);
    assert!(journal.append_relaxed(&"three").is_err(), "nothing is written behind what is lost");
    Journal::open(&path).unwrap().append(&"three").unwrap();
    assert_eq!(Journal::verify(&path).unwrap().records, 2);
}

#[test]
fn nothing_is_written_behind_what_a_failed_flush_lost() {
    let disk = Arc::new(ForgetfulDisk::default());
    let (_folder, path, journal) = journal(disk.clone());
    journal.append(&"one").unwrap();
    let two = journal.append_relaxed(&"two").unwrap();
    disk.fails.store(true, Ordering::Relaxed);
    disk.loses.store(true, Ordering::Relaxed);
    assert!(is_unflushed(&journal.flush(two)));
    // Before anybody asks for a flush again.
    assert!(journal.append_relaxed(&"three").is_err());
    Journal::open(&path).unwrap().append(&"three").unwrap();
    assert_eq!(Journal::verify(&path).unwrap().records, 2);
}

#[test]
fn what_another_s_failed_flush_may_have_lost_is_written_again_by_who_opens_the_journal_then() {
    for appends in [true, false] {
        let disk = Arc::new(ForgetfulDisk::default());
        let (_folder, path, journal) = journal(disk.clone());
        journal.append(&"one").unwrap();
        let known = Journal::verify(&path).unwrap();
        disk.fails.store(true, Ordering::Relaxed);
        assert!(is_unflushed(&journal.append(&"two")));
        disk.fails.store(false, Ordering::Relaxed);
        let other = Journal::open_on(&path, known, disk.clone()).unwrap();
        if appends {
            other.append(&"three").unwrap();
        } else {
            other.sync(|_| Ok(())).unwrap();
        }
        assert_eq!(*disk.on_disk.lock().unwrap(), fs::read(&path).unwrap());
    }
}

#[test]
fn what_a_failed_flush_may_have_lost_is_written_again_also_if_the_file_has_another_name_by_then() {
    let disk = Arc::new(ForgetfulDisk::default());
    let (folder, path, journal) = journal(disk.clone());
    disk.fails.store(true, Ordering::Relaxed);
    let one = journal.append_relaxed(&"one").unwrap();
    assert!(is_unflushed(&journal.flush(one)));
    let closed = folder.path().join("closed.jsonl");
    fs::rename(&path, &closed).unwrap();
    assert!(is_unflushed(&journal.flush(one)), "that it is not on the disk counts more");
    disk.fails.store(false, Ordering::Relaxed);
    for _ in 0..2 {
        let Err(JournalError::NotRecorded(cause)) = journal.flush(one) else { panic!("it is where it was") };
        assert!(matches!(*cause, JournalError::Replaced { .. }), "{cause}");
    }
    assert_eq!(*disk.on_disk.lock().unwrap(), fs::read(&closed).unwrap());
}

#[test]
fn what_is_longer_than_what_is_written_at_once_is_written_again_whole() {
    let disk = Arc::new(ForgetfulDisk::default());
    let (_folder, path, journal) = journal(disk.clone());
    disk.fails.store(true, Ordering::Relaxed);
    let long = "x".repeat(700_000);
    assert!(is_unflushed(&journal.append_all(&[&long; 5])));
    disk.fails.store(false, Ordering::Relaxed);
    journal.sync(|_| Ok(())).unwrap();
    assert_eq!(*disk.on_disk.lock().unwrap(), fs::read(&path).unwrap());
}

/// A disk that notes of each flush whether another process could lock the file meanwhile.
#[derive(Debug)]
struct WatchedDisk {
    path: PathBuf,
    could_lock: Mutex<Vec<bool>>,
}

impl Disk for WatchedDisk {
    fn write(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        file.write_all_at(bytes, at)
    }

    fn flush(&self, _: &File) -> io::Result<()> {
        self.could_lock.lock().unwrap().push(File::open(&self.path)?.try_lock().is_ok());
        Ok(())
    }
}

#[test]
fn nobody_waits_while_a_sync_flushes_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let disk = Arc::new(WatchedDisk { path: path.clone(), could_lock: Mutex::default() });
    let journal = Journal::open_on(&path, Summary::empty(), disk.clone()).unwrap();
    journal.append_relaxed(&"one").unwrap();
    journal.sync(|_| Ok(())).unwrap();
    assert_eq!(*disk.could_lock.lock().unwrap(), [true]);
    Journal::open(&path).unwrap().append(&"of another").unwrap();
    let mut records = 0;
    let note = |summary: &Summary| {
        records = summary.records;
        Ok(())
    };
    journal.sync(note).unwrap();
    assert_eq!(records, 2);
    assert_eq!(*disk.could_lock.lock().unwrap(), [true, true]);
}

#[test]
fn what_others_flushed_is_not_flushed_again() {
    let disk = Arc::new(ForgetfulDisk::default());
    let (_folder, _, journal) = journal(disk.clone());
    let positions: Vec<_> = (0..10).map(|i| journal.append_relaxed(&i).unwrap()).collect();
    assert_eq!(disk.flushes.load(Ordering::Relaxed), 0);
    journal.flush(positions[9]).unwrap();
    positions.iter().for_each(|position| journal.flush(*position).unwrap());
    assert_eq!(disk.flushes.load(Ordering::Relaxed), 1);
    journal.append_all(&["x", "y", "z"]).unwrap();
    assert_eq!(disk.flushes.load(Ordering::Relaxed), 2);
}

/// A disk on which a flush lasts until something else is done.
#[derive(Debug)]
struct SlowDisk {
    begun: mpsc::Sender<()>,
    done: Mutex<mpsc::Receiver<()>>,
    waited_in_vain: AtomicBool,
}

impl Disk for SlowDisk {
    fn write(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        file.write_all_at(bytes, at)
    }

    fn flush(&self, _: &File) -> io::Result<()> {
        self.begun.send(()).unwrap();
        let done = self.done.lock().unwrap().recv_timeout(Duration::from_secs(20));
        self.waited_in_vain.store(done.is_err(), Ordering::Relaxed);
        Ok(())
    }
}

#[test]
fn a_record_is_written_while_others_are_being_flushed() {
    let (begun, has_begun) = mpsc::channel();
    let (done, is_done) = mpsc::channel();
    let disk = Arc::new(SlowDisk { begun, done: Mutex::new(is_done), waited_in_vain: AtomicBool::new(false) });
    let (_folder, path, journal) = journal(disk.clone());
    thread::scope(|scope| {
        scope.spawn(|| journal.append(&"one").unwrap());
        has_begun.recv().unwrap();
        journal.append_relaxed(&"two").unwrap();
        // If the flush has given up waiting, nobody receives it any more.
        let _ = done.send(());
    });
    assert!(!disk.waited_in_vain.load(Ordering::Relaxed), "the second record waited for the flush of the first");
    assert_eq!(Journal::verify(&path).unwrap().records, 2);
}
