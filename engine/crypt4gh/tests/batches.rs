//! Bodies sealed and opened by several threads: the same bytes as by one, and damage is noticed wherever it is.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::{
    io::{self, Read, Write},
    num::NonZero,
    sync::atomic::{AtomicUsize, Ordering},
};

use proptest::prelude::*;
use sluis_crypt4gh::{
    BATCH, Binding, BodyOpener, BodySealer, DataKey, End, NonceBase, SEALED_SEGMENT, SEGMENT, open_body, seal_body,
};

fn text(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 7 % 253) as u8).collect()
}

fn threads(count: usize) -> NonZero<usize> {
    NonZero::new(count).unwrap()
}

fn sealed(text: &[u8], key: &DataKey, base: NonceBase) -> Vec<u8> {
    let mut sealer = BodySealer::new(Vec::new(), key, base).unwrap();
    sealer.write_all(text).unwrap();
    sealer.finish().unwrap().0
}

/// What was given out before the end, and how it ended.
fn opened(body: &[u8], key: &DataKey, binding: Binding, count: usize) -> (Vec<u8>, Result<u64, End>) {
    let mut out = Vec::new();
    let outcome = open_body(body, &mut out, std::slice::from_ref(key), binding, threads(count), |_, _| (), drop);
    (out, outcome)
}

/// A reader that gives what it has in pieces of any size.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = out.len().min(self.1).min(self.0.len());
        out[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

/// Fails after so many bytes.
struct Failing(usize);

impl Read for Failing {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = out.len().min(self.0);
        self.0 -= count;
        if count == 0 { Err(io::Error::other("the cable was cut")) } else { Ok(count) }
    }
}

impl Write for Failing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.0);
        self.0 -= count;
        if count == 0 { Err(io::Error::other("the disk is full")) } else { Ok(count) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const LENGTHS: [usize; 9] = [0, 1, SEGMENT, SEGMENT + 1, BATCH - 1, BATCH, BATCH + 1, 3 * BATCH, 5 * BATCH + 70_000];

#[test]
fn any_number_of_threads_gives_the_same_bytes_in_order() {
    let (key, base) = (DataKey::generate().unwrap(), NonceBase::generate().unwrap());
    for length in LENGTHS {
        let text = text(length);
        let expected = sealed(&text, &key, base);
        for count in [1, 2, 5] {
            let mut body = Vec::new();
            let look =
                |number: u64, segments: sluis_crypt4gh::Segments<'_>| (number, segments.collect::<Vec<_>>().concat());
            let pieces = Pieces(&text, 9_999);
            let mut looked = Vec::new();
            let note = |one| looked.push(one);
            let sealed_length = seal_body(pieces, &mut body, &key, base, threads(count), look, note).unwrap();
            assert!(body == expected, "{length} bytes, {count} threads");
            assert_eq!(sealed_length, length as u64);
            assert!(looked.iter().map(|(number, _)| *number).eq(0..length.div_ceil(BATCH) as u64));
            assert!(
                looked.into_iter().flat_map(|(_, text)| text).eq(text.iter().copied()),
                "what is looked at is plaintext"
            );
            for binding in [Binding::Unbound, Binding::Position { base, length: length as u64 }] {
                let (out, outcome) = opened(&body, &key, binding, count);
                assert_eq!(outcome.unwrap(), length as u64);
                assert!(out == text, "{length} bytes, {count} threads");
            }
        }
    }
}

#[test]
fn errors_say_which_end_failed_and_end_all_threads() {
    let (key, base) = (DataKey::generate().unwrap(), NonceBase::generate().unwrap());
    let body = sealed(&text(3 * BATCH), &key, base);
    let keys = std::slice::from_ref(&key);
    for count in [1, 3] {
        for bytes in [0, 10, BATCH + 1, 2 * BATCH] {
            let read = seal_body(Failing(bytes), io::sink(), &key, base, threads(count), |_, _| (), drop);
            assert!(matches!(read, Err(End::Read(_))), "{bytes}");
            let write = seal_body(io::repeat(1), Failing(bytes), &key, base, threads(count), |_, _| (), drop);
            assert!(matches!(write, Err(End::Write(_))), "{bytes}");
            let write = open_body(&body[..], Failing(bytes), keys, Binding::Unbound, threads(count), |_, _| (), drop);
            assert!(matches!(write, Err(End::Write(_))), "{bytes}");
        }
    }
}

#[test]
#[should_panic(expected = "in the middle")]
fn a_panic_in_one_thread_is_a_panic_of_all_and_no_deadlock() {
    let (key, base) = (DataKey::generate().unwrap(), NonceBase::generate().unwrap());
    let look = |number, _: sluis_crypt4gh::Segments<'_>| assert_ne!(number, 3, "in the middle");
    let _ = seal_body(io::repeat(1).take(10 * BATCH as u64), io::sink(), &key, base, threads(3), look, drop);
}

/// Counts what was read and not yet written, in bytes, and the most of it that there ever was.
#[derive(Default)]
struct Between {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Read for &Between {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let now = self.now.fetch_add(out.len(), Ordering::SeqCst) + out.len();
        self.most.fetch_max(now, Ordering::SeqCst);
        Ok(out.len())
    }
}

/// A writer that is slower than the threads that seal.
impl Write for &Between {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for round in 0..20 {
            std::hint::black_box(bytes.iter().fold(round, |sum: u8, byte| sum.rotate_left(1) ^ byte));
        }
        self.now.fetch_sub(bytes.len() / SEALED_SEGMENT * SEGMENT, Ordering::SeqCst);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_slow_writer_holds_up_the_reader() {
    let (key, base) = (DataKey::generate().unwrap(), NonceBase::generate().unwrap());
    for count in [1, 2, 4] {
        let between = Between::default();
        let reader = (&between).take(60 * BATCH as u64);
        seal_body(reader, &between, &key, base, threads(count), |_, _| (), drop).unwrap();
        assert_eq!(between.now.load(Ordering::SeqCst), 0);
        // One batch for each thread, and as many that wait as there are other threads.
        let most = between.most.load(Ordering::SeqCst);
        assert!(most <= (2 * count - 1) * BATCH, "{most} bytes with {count} threads");
    }
}

/// A change to a sealed body.
#[derive(Clone, Debug)]
enum Damage {
    Flip { place: usize, bit: u8 },
    Cut { length: usize },
    Grow { by: usize },
    Swap { one: usize, other: usize },
    Remove { segment: usize },
    FromAnother { segment: usize },
}

fn damage(segments: usize) -> impl Strategy<Value = Damage> {
    let length = segments * SEALED_SEGMENT;
    prop_oneof![
        4 => (0..length, 0..8_u8).prop_map(|(place, bit)| Damage::Flip { place, bit }),
        1 => (0..length).prop_map(|length| Damage::Cut { length }),
        1 => (1..2 * SEALED_SEGMENT).prop_map(|by| Damage::Grow { by }),
        1 => (0..segments, 0..segments).prop_map(|(one, other)| Damage::Swap { one, other }),
        1 => (0..segments).prop_map(|segment| Damage::Remove { segment }),
        1 => (0..segments).prop_map(|segment| Damage::FromAnother { segment }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_damage_is_noticed_before_a_byte_of_it_is_given_out(change in damage(35), count in 1..4_usize) {
        let (key, base) = (DataKey::generate().unwrap(), NonceBase::from_bytes([9; 12]));
        let text = text(35 * SEGMENT - 100);
        let whole = sealed(&text, &key, base);
        let mut body = whole.clone();
        match change {
            Damage::Flip { place, bit } => { let at = place.min(body.len() - 1); body[at] ^= 1 << bit }
            Damage::Cut { length } => body.truncate(length.min(whole.len() - 1)),
            Damage::Grow { by } => body.extend(std::iter::repeat_n(0, by)),
            Damage::Swap { one, other } => {
                let (low, high) = (one.min(other), one.max(other));
                prop_assume!(low != high && high < 34);
                let (left, right) = body.split_at_mut(high * SEALED_SEGMENT);
                left[low * SEALED_SEGMENT..][..SEALED_SEGMENT].swap_with_slice(&mut right[..SEALED_SEGMENT]);
            }
            Damage::Remove { segment } => drop(body.drain(segment * SEALED_SEGMENT..((segment + 1) * SEALED_SEGMENT).min(whole.len()))),
            Damage::FromAnother { segment } => {
                // Sealed with the same key at the same place of an older version.
                let older = sealed(&text.iter().map(|byte| byte ^ 1).collect::<Vec<_>>(), &key, NonceBase::from_bytes([8; 12]));
                let range = segment * SEALED_SEGMENT..((segment + 1) * SEALED_SEGMENT).min(whole.len());
                body[range.clone()].copy_from_slice(&older[range]);
            }
        }
        prop_assume!(body != whole);
        let binding = Binding::Position { base, length: text.len() as u64 };
        let (out, outcome) = opened(&body, &key, binding, count);
        prop_assert!(matches!(outcome, Err(End::Body(_))), "{:?}", outcome);
        prop_assert!(text.starts_with(&out));
        let mut one_by_one = Vec::new();
        let read = BodyOpener::new(&body[..], std::slice::from_ref(&key), binding).unwrap().read_to_end(&mut one_by_one);
        prop_assert!(read.is_err() && text.starts_with(&one_by_one));
    }
}
