//! Sealing and opening whole bodies in batches of segments, by several threads at once, in order and in bounded memory.
//!
//! Each thread takes the next batch from the reader, works on it in place, and hands it to the writer when its turn comes.
//! So nothing is copied between threads, and there is one buffer for each of them.

use std::{
    io::{self, Read, Write},
    num::NonZero,
    panic::resume_unwind,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use zeroize::Zeroize;

use crate::{
    Binding, BodyError, CryptoError, DataKey, NonceBase, SEALED_SEGMENT, SEGMENT,
    crypto::{Cipher, NONCE, TAG},
};

/// Segments that a thread works on at a time: few enough that a batch is still in the core's cache when it is worked on
/// after it was read.
const SEGMENTS: usize = 4;
/// Bytes of plaintext in every batch but the last: 256 KiB.
pub const BATCH: usize = SEGMENTS * SEGMENT;
const SEALED_BATCH: usize = SEGMENTS * SEALED_SEGMENT;

/// The plaintext of a batch, segment by segment.
#[derive(Clone, Debug)]
pub struct Segments<'a> {
    left: std::slice::Chunks<'a, u8>,
    /// How many bytes stand before and behind the plaintext of each.
    around: (usize, usize),
}

impl<'a> Segments<'a> {
    /// Of a buffer in which each segment's plaintext stands between its nonce and its tag.
    fn of(buffer: &'a [u8]) -> Self {
        Self { left: buffer.chunks(SEALED_SEGMENT), around: (NONCE, TAG) }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (before, behind) = self.around;
        self.left.next().map(|sealed| &sealed[before..sealed.len() - behind])
    }
}

/// Seals everything from `reader` into `writer`, with a data key and nonce base that are used for nothing else; gives the
/// bytes of plaintext. `look` sees the plaintext of each batch, by the batch's number, while it is at hand; `note` gets
/// what came of that, in the order of the batches.
///
/// # Errors
/// Those of reader and writer, told apart by [`End`], and a key that the cryptographic library refuses.
pub fn seal_body<T: Send>(
    reader: impl Read + Send,
    writer: impl Write + Send,
    key: &DataKey,
    base: NonceBase,
    threads: NonZero<usize>,
    look: impl Fn(u64, Segments<'_>) -> T + Sync,
    note: impl FnMut(T) + Send,
) -> Result<u64, End> {
    let cipher = Cipher::new(key.secret())?;
    let seal = |number: u64, batch: &mut Batch| {
        let looked = look(number, Segments::of(batch.bytes()));
        let first = number * SEGMENTS as u64;
        for (segment, sealed) in (first..).zip(batch.bytes_mut().chunks_mut(SEALED_SEGMENT)) {
            let nonce = base.of_segment(segment);
            let end = sealed.len() - TAG;
            sealed[..NONCE].copy_from_slice(&nonce);
            let tag = cipher.seal(nonce, &mut sealed[NONCE..end])?;
            sealed[end..].copy_from_slice(&tag);
        }
        Ok(looked)
    };
    run(reader, writer, threads, Batch::read_plain, seal, |writer, batch| writer.write_all(batch.bytes()), note)
}

/// Opens everything from `reader`, which stands at the first segment, into `writer`; gives the bytes of plaintext. Every
/// segment is verified before a byte of it is written or looked at; `look` and `note` are as in [`seal_body`].
///
/// # Errors
/// Those of reader and writer, told apart by [`End`], and damage.
pub fn open_body<T: Send>(
    reader: impl Read + Send,
    writer: impl Write + Send,
    keys: &[DataKey],
    binding: Binding,
    threads: NonZero<usize>,
    look: impl Fn(u64, Segments<'_>) -> T + Sync,
    note: impl FnMut(T) + Send,
) -> Result<u64, End> {
    let ciphers = keys.iter().map(|key| Cipher::new(key.secret())).collect::<Result<Vec<_>, _>>()?;
    let open = |number: u64, batch: &mut Batch| {
        let first = number * SEGMENTS as u64;
        for (segment, sealed) in (first..).zip(batch.bytes_mut().chunks_mut(SEALED_SEGMENT)) {
            open_segment(&ciphers, binding, segment, sealed)?;
        }
        Ok(look(number, Segments::of(batch.bytes())))
    };
    let write =
        |writer: &mut _, batch: &Batch| Segments::of(batch.bytes()).try_for_each(|text| Write::write_all(writer, text));
    let length = run(reader, writer, threads, Batch::read_sealed, open, write, note)?;
    match binding {
        Binding::Position { length: expected, .. } if length < expected => {
            Err(BodyError::Truncated(length / SEGMENT as u64).into())
        }
        _ => Ok(length),
    }
}

/// Opens one segment in place.
fn open_segment(ciphers: &[Cipher], binding: Binding, segment: u64, sealed: &mut [u8]) -> Result<(), BodyError> {
    if sealed.len() <= NONCE + TAG {
        return Err(BodyError::Truncated(segment));
    }
    let mut nonce = [0; NONCE];
    nonce.copy_from_slice(&sealed[..NONCE]);
    if let Binding::Position { base, length } = binding {
        let expected = length.saturating_sub(segment.saturating_mul(SEGMENT as u64)).min(SEGMENT as u64) as usize;
        match sealed.len() - NONCE - TAG {
            _ if expected == 0 => return Err(BodyError::TooLong),
            found if found > expected => return Err(BodyError::TooLong),
            found if found < expected => return Err(BodyError::Truncated(segment)),
            _ if nonce != base.of_segment(segment) => return Err(BodyError::Misplaced(segment)),
            _ => {}
        }
    }
    if let [cipher] = ciphers {
        return cipher.open(nonce, &mut sealed[NONCE..]).map(drop).ok_or(BodyError::Damaged(segment));
    }
    // A key that does not fit leaves nothing of what it was tried on.
    let kept = sealed[NONCE..].to_vec();
    for cipher in ciphers {
        sealed[NONCE..].copy_from_slice(&kept);
        if cipher.open(nonce, &mut sealed[NONCE..]).is_some() {
            return Ok(());
        }
    }
    Err(BodyError::Damaged(segment))
}

/// Why a body was not sealed or opened to its end.
#[derive(Debug, thiserror::Error)]
pub enum End {
    /// What should be sealed or opened could not be read.
    #[error("the input cannot be read")]
    Read(#[source] io::Error),
    /// What was sealed or opened could not be written.
    #[error("the output cannot be written")]
    Write(#[source] io::Error),
    /// The body is not what was sealed.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The cryptographic library refused to work.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// One thread's buffer: sealed segments, or the room for them with plaintext in place. As much of it as was ever used is
/// wiped when it is dropped: wiping all of it would take longer than sealing a small file.
struct Batch {
    buffer: Vec<u8>,
    filled: usize,
    used: usize,
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.buffer[..self.used].zeroize();
    }
}

impl Batch {
    fn new() -> Self {
        Self { buffer: vec![0; SEALED_BATCH], filled: 0, used: 0 }
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[..self.filled]
    }

    /// Reads plaintext to where it is to be sealed; `false` if there is none.
    fn read_plain(&mut self, reader: &mut impl Read) -> io::Result<bool> {
        self.filled = 0;
        for segment in self.buffer.chunks_mut(SEALED_SEGMENT) {
            self.used = self.used.max(self.filled + segment.len());
            let count = read_full(reader, &mut segment[NONCE..NONCE + SEGMENT])?;
            if count > 0 {
                self.filled += NONCE + count + TAG;
            }
            if count < SEGMENT {
                break;
            }
        }
        Ok(self.filled > 0)
    }

    /// Reads sealed segments; `false` if there are none.
    fn read_sealed(&mut self, reader: &mut impl Read) -> io::Result<bool> {
        // What is behind the first segment is only touched if there is more than that.
        self.used = self.used.max(SEALED_SEGMENT);
        self.filled = read_full(reader, &mut self.buffer[..SEALED_SEGMENT])?;
        if self.filled == SEALED_SEGMENT {
            self.used = SEALED_BATCH;
            self.filled += read_full(reader, &mut self.buffer[SEALED_SEGMENT..])?;
        }
        Ok(self.filled > 0)
    }
}

/// Reads until the buffer is full or the input ends.
fn read_full(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// What the threads take batches from.
struct Source<R> {
    reader: R,
    next: u64,
    ended: bool,
}

/// What they hand them to.
struct Sink<W, N> {
    writer: W,
    note: N,
    next: u64,
    length: u64,
    /// Why nothing more is written.
    end: Option<End>,
}

/// Lets threads take batches with `read`, work on them with `work` and hand them on with `write`, the latter in order.
fn run<R, W, T, N>(
    reader: R,
    writer: W,
    threads: NonZero<usize>,
    read: impl Fn(&mut Batch, &mut R) -> io::Result<bool> + Sync,
    work: impl Fn(u64, &mut Batch) -> Result<T, End> + Sync,
    write: impl Fn(&mut W, &Batch) -> io::Result<()> + Sync,
    note: N,
) -> Result<u64, End>
where
    R: Read + Send,
    W: Write + Send,
    T: Send,
    N: FnMut(T) + Send,
{
    let source = Mutex::new(Source { reader, next: 0, ended: false });
    let sink = Mutex::new(Sink { writer, note, next: 0, length: 0, end: None });
    let turn = Condvar::new();
    let take = |batch: &mut Batch| -> Option<(u64, Result<(), End>)> {
        let mut source = lock(&source);
        if source.ended {
            return None;
        }
        let number = source.next;
        source.next += 1;
        let outcome = match read(batch, &mut source.reader) {
            Ok(true) => Ok(()),
            Ok(false) => {
                source.ended = true;
                return None;
            }
            Err(error) => Err(End::Read(error)),
        };
        source.ended |= outcome.is_err() || batch.filled < SEALED_BATCH;
        Some((number, outcome))
    };
    let hand_on = |number: u64, batch: &Batch, outcome: Result<T, End>| -> bool {
        let mut sink = lock(&sink);
        while sink.next != number && sink.end.is_none() {
            sink = turn.wait(sink).unwrap_or_else(PoisonError::into_inner);
        }
        if sink.end.is_none() {
            match outcome.and_then(|looked| write(&mut sink.writer, batch).map(|()| looked).map_err(End::Write)) {
                Ok(looked) => {
                    sink.length += Segments::of(batch.bytes()).map(|text| text.len() as u64).sum::<u64>();
                    (sink.note)(looked);
                    sink.next += 1;
                }
                Err(end) => sink.end = Some(end),
            }
        }
        turn.notify_all();
        sink.end.is_none()
    };
    let work_on = |mut batch: Batch, taken: Option<(u64, Result<(), End>)>| {
        let _others_end = OnPanic(|| {
            lock(&sink).end = Some(End::Read(io::Error::other("another thread panicked")));
            turn.notify_all();
        });
        let mut taken = taken.or_else(|| take(&mut batch));
        while let Some((number, read)) = taken {
            let outcome = read.and_then(|()| work(number, &mut batch));
            if !hand_on(number, &batch, outcome) {
                break;
            }
            taken = take(&mut batch);
        }
    };
    // The first batch may be all there is, and then no thread is worth its while.
    let mut first = Batch::new();
    let taken = take(&mut first);
    let more = if taken.is_none() || lock(&source).ended { 0 } else { threads.get() - 1 };
    thread::scope(|scope| {
        let others: Vec<_> = (0..more).map(|_| scope.spawn(|| work_on(Batch::new(), None))).collect();
        if taken.is_some() {
            work_on(first, taken);
        }
        for other in others {
            other.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
    let Sink { mut writer, length, end, .. } = sink.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(end) = end {
        return Err(end);
    }
    writer.flush().map_err(End::Write)?;
    Ok(length)
}

/// Lets the other threads end when one panics: they wait for its batch.
struct OnPanic<F: Fn()>(F);

impl<F: Fn()> Drop for OnPanic<F> {
    fn drop(&mut self) {
        if thread::panicking() {
            (self.0)();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
