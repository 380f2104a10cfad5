//! A board on which the engines of one user on one machine tell each other what they hold and wait for.
//!
//! It is a file in the folder in memory that they share, with a place for each engine, and is read and written under its
//! lock. What an engine that is dead wrote there counts no more. An engine that gave something back rings those that wait.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::{fs::FileExt, net::UnixDatagram},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::{Scratch, WorkError};

const BOARD: &str = "board";
/// The socket in an engine's folder on which others ring it.
pub(crate) const BELL: &str = "bell";
/// The bytes of a place, and the most that an engine can tell.
const PLACE: usize = 4096;
/// How many engines have a place.
const PLACES: usize = 256;
/// How long the board's lock is waited for. It is held for microseconds, unless the process that holds it was stopped.
const PATIENCE: Duration = Duration::from_secs(1);
const BETWEEN_TRIES: Duration = Duration::from_micros(100);

/// The board, and this engine's place on it.
#[derive(Debug)]
pub struct Board {
    scratch: Arc<Scratch>,
    file: File,
    /// Where this engine writes, once it has.
    place: Mutex<Option<usize>>,
    /// Whether the lock could not be had in time, and nobody had it since.
    is_stuck: AtomicBool,
    bell: UnixDatagram,
}

/// What another engine, which lives, has written.
#[derive(Debug)]
pub struct Notice {
    /// Its identifier.
    pub engine: String,
    /// How long ago it was written.
    pub age: Duration,
    /// What it says.
    pub text: String,
}

impl Board {
    /// The board of all engines that share this scratch folder.
    ///
    /// # Errors
    /// If it, or this engine's bell, cannot be made.
    pub fn open(scratch: Arc<Scratch>) -> Result<Self, WorkError> {
        let path = scratch.root().join(BOARD);
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(WorkError::scratch(&path, "made"))?;
        let path = scratch.folder_of(scratch.engine_id()).join(BELL);
        let bell = UnixDatagram::bind(&path).and_then(|bell| bell.set_nonblocking(true).map(|()| bell));
        let bell = bell.map_err(WorkError::scratch(&path, "made"))?;
        Ok(Self { scratch, file, place: Mutex::default(), is_stuck: AtomicBool::new(false), bell })
    }

    /// Reads what the other engines have written, and writes what this one tells next, while no other engine can do either.
    ///
    /// # Errors
    /// If the board cannot be read or written, or the text is longer than a place; what was written before stays then.
    pub fn exchange(&self, next: impl FnOnce(&[Notice]) -> String) -> Result<(), WorkError> {
        let path = self.scratch.root().join(BOARD);
        let failed = |doing| WorkError::scratch(&path, doing);
        self.lock().map_err(failed("locked"))?;
        let done = self.read().map_err(failed("read")).and_then(|Read { others, own, free }| {
            let text = next(&others);
            let place = own.or(free).ok_or_else(|| failed("written")(io::ErrorKind::StorageFull.into()))?;
            self.write(place, &text).map_err(failed("written"))
        });
        self.file.unlock().map_err(failed("unlocked"))?;
        done
    }

    /// Rings an engine that waits. One that does not hear it looks by itself before long.
    pub fn ring(&self, engine: &str) {
        let _ = self.bell.send_to(&[0], self.scratch.folder_of(engine).join(BELL));
    }

    /// What the rings of other engines come to, one datagram each.
    ///
    /// # Errors
    /// If no more files can be opened.
    pub fn bell(&self) -> io::Result<UnixDatagram> {
        self.bell.try_clone()
    }

    /// If another process was stopped while it held the lock, this one goes on without, and from then on at once: the other
    /// one does nothing.
    fn lock(&self) -> io::Result<()> {
        let begin = Instant::now();
        loop {
            match self.file.try_lock() {
                Ok(()) => {
                    self.is_stuck.store(false, Ordering::Relaxed);
                    return Ok(());
                }
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) => {
                    if self.is_stuck.load(Ordering::Relaxed) || begin.elapsed() > PATIENCE {
                        self.is_stuck.store(true, Ordering::Relaxed);
                        return Ok(());
                    }
                    thread::sleep(BETWEEN_TRIES);
                }
            }
        }
    }

    fn read(&self) -> io::Result<Read> {
        let places = (self.file.metadata()?.len() as usize).div_ceil(PLACE).min(PLACES);
        let mut bytes = vec![0; places * PLACE];
        let length = self.file.read_at(&mut bytes, 0)?;
        bytes.truncate(length);
        let now = now();
        let mut read = Read { others: Vec::new(), own: None, free: None };
        for (place, bytes) in bytes.chunks(PLACE).enumerate() {
            match parse(bytes) {
                Some((engine, ..)) if engine == self.scratch.engine_id() => read.own = Some(place),
                Some((engine, at, text)) if self.is_there(engine) => {
                    read.others.push(Notice { engine: engine.to_owned(), age: now.abs_diff(at), text: text.to_owned() })
                }
                Some(_) => {
                    // So that nobody has to ask again whether it lives.
                    self.clear(place)?;
                    read.free = read.free.or(Some(place));
                }
                None => read.free = read.free.or(Some(place)),
            }
        }
        read.free = read.free.or((places < PLACES).then_some(places));
        Ok(read)
    }

    /// Whether an engine lives: not only its lock is held, by one that goes on with its runs and takes its bell away.
    fn is_there(&self, engine: &str) -> bool {
        self.scratch.is_alive(engine) && self.scratch.folder_of(engine).join(BELL).exists()
    }

    fn clear(&self, place: usize) -> io::Result<()> {
        self.file.write_all_at(&[0; PLACE], (place * PLACE) as u64)
    }

    fn write(&self, place: usize, text: &str) -> io::Result<()> {
        let mut notice = format!("{}\n{}\n{text}", self.scratch.engine_id(), now().as_millis()).into_bytes();
        if notice.len() > PLACE {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        notice.resize(PLACE, 0);
        self.file.write_all_at(&notice, (place * PLACE) as u64)?;
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
        Ok(())
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        let place = *self.place.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = place.filter(|_| self.lock().is_ok()) {
            // If it cannot be cleared, it counts no more once this engine's lock is gone.
            let _ = self.clear(place);
            let _ = self.file.unlock();
        }
    }
}

struct Read {
    others: Vec<Notice>,
    own: Option<usize>,
    /// A place that nobody who lives has.
    free: Option<usize>,
}

/// The engine, when it wrote, and what.
fn parse(bytes: &[u8]) -> Option<(&str, Duration, &str)> {
    let text = std::str::from_utf8(bytes).ok()?.trim_end_matches('\0');
    let (engine, rest) = text.split_once('\n')?;
    let (at, text) = rest.split_once('\n')?;
    Some((engine, Duration::from_millis(at.parse().ok()?), text))
}

/// The machine's clock, which all its processes share. If it is set anew, ages are wrong until everybody has written again.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SwapRule;

    fn boards(count: usize) -> (tempfile::TempDir, Vec<Board>) {
        let memory = tempfile::tempdir_in("/dev/shm").unwrap();
        let root = memory.path().join("scratch");
        let scratch = || Arc::new(Scratch::open(Some(root.clone()), SwapRule::Allow).unwrap());
        let boards = (0..count).map(|_| Board::open(scratch()).unwrap()).collect();
        (memory, boards)
    }

    fn seen(board: &Board, tell: &str) -> Vec<(String, String)> {
        let mut seen = Vec::new();
        let look = |others: &[Notice]| {
            seen = others.iter().map(|notice| (notice.engine.clone(), notice.text.clone())).collect();
            tell.to_owned()
        };
        board.exchange(look).unwrap();
        seen
    }

    #[test]
    fn each_sees_what_the_others_wrote_last_as_long_as_they_live() {
        let (_memory, mut boards) = boards(3);
        assert_eq!(seen(&boards[0], "a long first text"), []);
        let of = |board: &Board, text: &str| (board.scratch.engine_id().to_owned(), text.to_owned());
        assert_eq!(seen(&boards[1], "second"), [of(&boards[0], "a long first text")]);
        seen(&boards[0], "first\nline");
        assert_eq!(seen(&boards[2], ""), [of(&boards[0], "first\nline"), of(&boards[1], "second")]);
        let gone = boards.remove(0);
        drop(gone);
        assert_eq!(seen(&boards[0], "second"), [of(&boards[1], "")]);
        // What a killed engine left: its words without its lock.
        let scratch = Arc::clone(&boards[0].scratch);
        let dead = format!("{}-dead", scratch.engine_id().rsplit_once('-').unwrap().0);
        let left = format!("{dead}\n0\nsomething");
        boards[0].file.write_all_at(left.as_bytes(), 0).unwrap();
        assert_eq!(seen(&boards[0], "second"), [of(&boards[1], "")]);
        let folder = scratch.folder_of(&dead);
        std::fs::create_dir_all(folder.join("20261123-101500-3fa2b1-4")).unwrap();
        let _bell = UnixDatagram::bind(folder.join(BELL)).unwrap();
        let lock = File::create(folder.join("lock")).unwrap();
        lock.lock().unwrap();
        boards[0].file.write_all_at(left.as_bytes(), 0).unwrap();
        assert!(seen(&boards[0], "second").contains(&(dead.clone(), "something".to_owned())), "it has its lock");
        // It is killed, and another engine goes on with its run, and has its lock for that.
        drop(lock);
        boards[1].scratch.take_over(&"20261123-101500-3fa2b1".parse().unwrap()).unwrap();
        assert!(scratch.is_alive(&dead));
        assert_eq!(seen(&boards[0], "second"), [of(&boards[1], "")]);
    }

    #[test]
    fn a_board_with_anything_on_it_and_texts_that_are_too_long_do_no_harm() {
        let (_memory, boards) = boards(2);
        seen(&boards[0], "first");
        let garbage: Vec<u8> = (0..3 * PLACE + 17).map(|at| (at * 7) as u8).collect();
        boards[0].file.write_all_at(&garbage, 0).unwrap();
        assert_eq!(seen(&boards[1], "second"), []);
        assert_eq!(seen(&boards[0], "first").len(), 1);
        assert!(boards[0].exchange(|_| "x".repeat(PLACE)).is_err());
        assert_eq!(seen(&boards[1], "second")[0].1, "first", "what was said before stays");
    }

    #[test]
    fn who_waits_hears_the_bell() {
        let (_memory, boards) = boards(2);
        let bell = boards[1].bell().unwrap();
        let heard = || bell.recv(&mut [0; 8]).is_ok();
        assert!(!heard());
        boards[0].ring(boards[1].scratch.engine_id());
        assert!(heard() && !heard());
        // Nobody is there, or does not listen: it is not waited for.
        boards[0].ring("nobody");
        (0..10_000).for_each(|_| boards[0].ring(boards[1].scratch.engine_id()));
    }
}
