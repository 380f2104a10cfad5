//! Sealing and opening whole bodies in batches of segments, by several threads at once, in order and in bounded memory.
//!
//! Each thread takes the next batch from the reader, works on it in place and leaves it to be written when its turn comes.
//! Whoever leaves the batch whose turn it is writes it and those behind it; the others go on with another buffer. So nothing
//! is copied between threads, and nobody waits for another one while there is a buffer left.

use std::{
    collections::BTreeMap,
    io::{self, IoSlice, IoSliceMut, Read, Write},
    num::NonZero,
    panic::resume_unwind,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use zeroize::Zeroize;

use crate::{
    Binding, BodyError, CryptoError, DataKey, NonceBase, SEALED_SEGMENT, SEGMENT,
    crypto::{Cipher, NONCE, TAG},
    opener::read_full,
};

/// Segments that a thread works on at a time: few enough that a batch is still in the core's cache when it is worked on
/// after it was read.
const SEGMENTS: usize = 4;
/// Bytes of plaintext in every batch but the last: 256 KiB.
pub const BATCH: usize = SEGMENTS * SEGMENT;
const SEALED_BATCH: usize = SEGMENTS * SEALED_SEGMENT;
/// Where the system copies to fastest: a line of the core's cache.
const LINE: usize = 64;
/// Room for a segment that is to be sealed: its plaintext begins at a line, its nonce ends there.
const SLOT: usize = LINE + SEGMENT + LINE;
/// Batches that may wait for their turn beside those that the threads work on: as many as there are threads, up to this.
const WAITING: usize = 16;

/// The plaintext of a batch, segment by segment.
#[derive(Clone, Debug)]
pub struct Segments<'a> {
    parts: std::slice::Chunks<'a, u8>,
    /// How many bytes of each part stand before its plaintext.
    before: usize,
    /// Bytes of plaintext that are left.
    left: usize,
}

impl<'a> Iterator for Segments<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let length = self.left.min(SEGMENT);
        self.left -= length;
        let part = self.parts.next().filter(|_| length > 0)?;
        Some(&part[self.before..self.before + length])
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
        let looked = look(number, batch.segments());
        let first = number * SEGMENTS as u64;
        for (segment, sealed) in (first..).zip(batch.slots_mut()) {
            let nonce = base.of_segment(segment);
            let end = sealed.len() - TAG;
            sealed[..NONCE].copy_from_slice(&nonce);
            let tag = cipher.seal(nonce, &mut sealed[NONCE..end])?;
            sealed[end..].copy_from_slice(&tag);
        }
        Ok(looked)
    };
    run(reader, writer, threads, Batch::read_plain, seal, |writer, batch| write_all(writer, batch.slots()), note)
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
        for (segment, sealed) in (first..).zip(batch.sealed_mut().chunks_mut(SEALED_SEGMENT)) {
            open_segment(&ciphers, binding, segment, sealed)?;
        }
        Ok(look(number, batch.segments()))
    };
    let write = |writer: &mut _, batch: &Batch| write_all(writer, batch.segments());
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

/// A buffer: slots for what is to be sealed, or sealed segments one behind the other for what is to be opened, each in place.
/// As much of it as was ever used is wiped when it is dropped: wiping all of it would take longer than sealing a small file.
struct Batch {
    buffer: Vec<u8>,
    /// Where the first line of the cache begins.
    start: usize,
    /// Bytes from one segment to the next, and from there to its plaintext.
    layout: (usize, usize),
    /// Bytes that were read to be opened.
    sealed: usize,
    /// Bytes of plaintext.
    length: usize,
    /// Whether there may be more behind it.
    is_full: bool,
    used: usize,
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.buffer[..self.used].zeroize();
    }
}

impl Batch {
    fn new() -> Self {
        let buffer = vec![0; LINE + SEGMENTS * SLOT];
        let start = buffer.as_ptr().align_offset(LINE).min(LINE);
        Self { buffer, start, layout: (SLOT, LINE), sealed: 0, length: 0, is_full: false, used: 0 }
    }

    fn segments(&self) -> Segments<'_> {
        let (part, before) = self.layout;
        Segments { parts: self.buffer[self.start..].chunks(part), before, left: self.length }
    }

    /// The used part of each slot, with nonce and tag.
    fn slots(&self) -> impl Iterator<Item = &[u8]> {
        let slots = self.buffer[self.start..].chunks_exact(SLOT);
        slots.zip(slot_lengths(self.length)).map(|(slot, length)| &slot[LINE - NONCE..LINE + length + TAG])
    }

    fn slots_mut(&mut self) -> impl Iterator<Item = &mut [u8]> {
        let slots = self.buffer[self.start..].chunks_exact_mut(SLOT);
        slots.zip(slot_lengths(self.length)).map(|(slot, length)| &mut slot[LINE - NONCE..LINE + length + TAG])
    }

    /// What was read to be opened.
    fn sealed_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start..self.start + self.sealed]
    }

    /// Reads plaintext to where it is to be sealed; `false` if there is none.
    fn read_plain(&mut self, reader: &mut impl Read) -> io::Result<bool> {
        // Until it is known how much was touched, it is all.
        let used = std::mem::replace(&mut self.used, self.buffer.len());
        let slots = self.buffer[self.start..].chunks_exact_mut(SLOT);
        let mut rooms: Vec<_> = slots.map(|slot| IoSliceMut::new(&mut slot[LINE..LINE + SEGMENT])).collect();
        let mut left = &mut rooms[..];
        self.length = 0;
        while !left.is_empty() {
            match reader.read_vectored(left) {
                Ok(0) => break,
                Ok(count) => {
                    self.length += count;
                    IoSliceMut::advance_slices(&mut left, count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.used = used.max(self.start + self.length.div_ceil(SEGMENT) * SLOT);
        (self.layout, self.is_full) = ((SLOT, LINE), self.length == BATCH);
        Ok(self.length > 0)
    }

    /// Reads sealed segments; `false` if there are none.
    fn read_sealed(&mut self, reader: &mut impl Read) -> io::Result<bool> {
        // What is behind the first segment is only touched if there is more than that.
        let (first, all) = (self.start + SEALED_SEGMENT, self.start + SEALED_BATCH);
        self.used = self.used.max(first);
        let mut filled = read_full(reader, &mut self.buffer[self.start..first])?;
        if filled == SEALED_SEGMENT {
            self.used = self.used.max(all);
            filled += read_full(reader, &mut self.buffer[first..all])?;
        }
        self.sealed = filled;
        self.length = filled.saturating_sub(filled.div_ceil(SEALED_SEGMENT) * (NONCE + TAG));
        (self.layout, self.is_full) = ((SEALED_SEGMENT, NONCE), filled == SEALED_BATCH);
        Ok(filled > 0)
    }
}

/// The bytes of plaintext in each segment of so many.
fn slot_lengths(length: usize) -> impl Iterator<Item = usize> {
    (0..length).step_by(SEGMENT).map(move |before| (length - before).min(SEGMENT))
}

/// Writes all the parts, in one go if the writer takes them so.
fn write_all<'a>(writer: &mut impl Write, parts: impl Iterator<Item = &'a [u8]>) -> io::Result<()> {
    let mut parts: Vec<_> = parts.map(IoSlice::new).collect();
    let mut left = &mut parts[..];
    while !left.is_empty() {
        match writer.write_vectored(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => IoSlice::advance_slices(&mut left, count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What the threads take batches from.
struct Source<R> {
    reader: R,
    next: u64,
    ended: bool,
}

/// Where batches go.
struct Output<W, N> {
    writer: W,
    note: N,
}

/// A batch with what came of it.
struct Done<T> {
    batch: Batch,
    outcome: Result<T, End>,
}

/// What they hand them to.
struct Sink<W, N, T> {
    /// Taken by the thread that writes.
    output: Option<Output<W, N>>,
    /// Batches that wait for their turn.
    waiting: BTreeMap<u64, Done<T>>,
    next: u64,
    length: u64,
    /// Buffers that nobody uses.
    free: Vec<Batch>,
    /// How many buffers may still be made.
    room: usize,
    /// Why nothing more is written.
    end: Option<End>,
}

impl<W, N, T> Sink<W, N, T> {
    /// The batch whose turn it is and what it is written to, if it is there and nobody writes.
    fn due(&mut self) -> Option<(Output<W, N>, Done<T>)> {
        let output = self.output.take()?;
        match self.waiting.remove(&self.next) {
            Some(done) => Some((output, done)),
            None => {
                self.output = Some(output);
                None
            }
        }
    }
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
    let sink = Mutex::new(Sink {
        output: Some(Output { writer, note }),
        waiting: BTreeMap::new(),
        next: 0,
        length: 0,
        free: Vec::new(),
        room: 0,
        end: None,
    });
    let freed = Condvar::new();
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
        source.ended |= outcome.is_err() || !batch.is_full;
        Some((number, outcome))
    };
    // Leaves a batch to be written and gives a buffer for the next one, or none if nothing more is written.
    let hand_on = |number: u64, batch: Batch, outcome: Result<T, End>| -> Option<Batch> {
        let mut held = lock(&sink);
        held.waiting.insert(number, Done { batch, outcome });
        loop {
            if held.end.is_some() {
                return None;
            }
            if let Some((mut output, Done { batch, outcome })) = held.due() {
                drop(held);
                let written = outcome.and_then(|looked| {
                    write(&mut output.writer, &batch).map_err(End::Write)?;
                    (output.note)(looked);
                    Ok(())
                });
                held = lock(&sink);
                held.output = Some(output);
                match written {
                    Ok(()) => {
                        held.next += 1;
                        held.length += batch.length as u64;
                    }
                    Err(end) => held.end = Some(end),
                }
                held.free.push(batch);
                freed.notify_all();
            } else if let Some(batch) = held.free.pop() {
                return Some(batch);
            } else if held.room > 0 {
                held.room -= 1;
                return Some(Batch::new());
            } else {
                held = freed.wait(held).unwrap_or_else(PoisonError::into_inner);
            }
        }
    };
    let work_on = |mut batch: Batch, taken: Option<(u64, Result<(), End>)>| {
        let _others_end = OnPanic(|| {
            lock(&sink).end = Some(End::Read(io::Error::other("another thread panicked")));
            freed.notify_all();
        });
        let mut taken = taken.or_else(|| take(&mut batch));
        while let Some((number, read)) = taken {
            let outcome = read.and_then(|()| work(number, &mut batch));
            let Some(another) = hand_on(number, batch, outcome) else { break };
            batch = another;
            taken = take(&mut batch);
        }
    };
    // The first batch may be all there is, and then no thread is worth its while.
    let mut first = Batch::new();
    let taken = take(&mut first);
    let more = if taken.is_none() || lock(&source).ended { 0 } else { threads.get() - 1 };
    lock(&sink).room = more.min(WAITING);
    thread::scope(|scope| {
        // Where no more threads can be started, those that there are do it.
        let start = |_| thread::Builder::new().spawn_scoped(scope, || work_on(Batch::new(), None)).ok();
        let others: Vec<_> = (0..more).map_while(start).collect();
        if taken.is_some() {
            work_on(first, taken);
        }
        for other in others {
            other.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
    let Sink { output, length, end, .. } = sink.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(end) = end {
        return Err(end);
    }
    if let Some(Output { mut writer, .. }) = output {
        writer.flush().map_err(End::Write)?;
    }
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
