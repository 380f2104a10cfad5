//! Random access: whatever the size of a body, reading a few bytes of it touches one segment.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use std::{
    io::{self, Cursor, Read, Seek, SeekFrom, Write},
    pin::Pin,
    slice,
    sync::atomic::{AtomicU64, Ordering},
    task::{Context, Poll},
};

use proptest::prelude::*;
use sluis_crypt4gh::{
    AsyncBodyOpener, Binding, BodyOpener, BodySealer, DataKey, NonceBase, SEALED_SEGMENT, SEGMENT, sealed_length,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt, ReadBuf};

/// Bytes of plaintext: 300 GB, as one tumour has.
const LENGTH: u64 = 300_000_000_000;

/// A body of [`LENGTH`] bytes of plaintext, of which one segment is there; counts the bytes that are read.
struct Vast<'a> {
    position: u64,
    /// The first byte of the segment, and its bytes.
    start: u64,
    segment: &'a [u8],
    read: &'a AtomicU64,
}

impl Read for Vast<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let within =
            usize::try_from(self.position.checked_sub(self.start).expect("no byte before the segment")).unwrap();
        let left = self.segment.get(within..).unwrap_or_default();
        let count = out.len().min(left.len());
        assert!(count > 0, "no byte behind the segment");
        out[..count].copy_from_slice(&left[..count]);
        self.position += count as u64;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl Seek for Vast<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = match to {
            SeekFrom::Start(place) => place,
            SeekFrom::Current(by) => self.position.strict_add_signed(by),
            SeekFrom::End(by) => sealed_length(LENGTH).strict_add_signed(by),
        };
        Ok(self.position)
    }
}

impl AsyncRead for Vast<'_> {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let count = Read::read(self.get_mut(), out.initialize_unfilled())?;
        out.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncSeek for Vast<'_> {
    fn start_seek(self: Pin<&mut Self>, to: SeekFrom) -> io::Result<()> {
        Seek::seek(self.get_mut(), to).map(drop)
    }

    fn poll_complete(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Poll::Ready(Ok(self.position))
    }
}

/// Runs a test over the vast body: it gets a reader at the body's start, the key, and the binding.
fn with_vast(test: impl FnOnce(Vast<'_>, &DataKey, Binding)) -> u64 {
    let key = DataKey::generate().unwrap();
    let number = 200_000_000_000 / SEGMENT as u64;
    let base = 77_u128;
    let nonce = |base: u128| NonceBase::from_bytes(base.to_le_bytes()[..12].try_into().unwrap());
    let mut sealer = BodySealer::new(Vec::new(), &key, nonce(base + u128::from(number))).unwrap();
    sealer.write_all(&(0..SEGMENT).map(|i| (i % 251) as u8).collect::<Vec<_>>()).unwrap();
    let segment = sealer.finish().unwrap().0;
    let read = AtomicU64::new(0);
    let start = number * SEALED_SEGMENT as u64;
    let vast = Vast { position: 0, start, segment: &segment, read: &read };
    test(vast, &key, Binding::Position { base: nonce(base), length: LENGTH });
    read.into_inner()
}

/// What stands at 200 GB.
fn expected() -> Vec<u8> {
    let within = 200_000_000_000 % SEGMENT as u64;
    (within..within + 100).map(|i| (i % 251) as u8).collect()
}

#[test]
fn a_hundred_bytes_at_200_gb_touch_one_segment() {
    let read = with_vast(|vast, key, binding| {
        let mut opener = BodyOpener::seekable(vast, slice::from_ref(key), binding).unwrap();
        let mut out = [0; 100];
        opener.seek(SeekFrom::Start(200_000_000_000)).unwrap();
        opener.read_exact(&mut out).unwrap();
        assert_eq!(out.as_slice(), expected());
    });
    assert_eq!(read, SEALED_SEGMENT as u64);
}

#[test]
fn a_hundred_bytes_at_200_gb_touch_one_segment_asynchronously() {
    let read = with_vast(|vast, key, binding| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut opener = AsyncBodyOpener::new(vast, slice::from_ref(key), binding).await.unwrap();
            assert_eq!(opener.length(), LENGTH);
            let mut out = [0; 100];
            opener.seek(SeekFrom::Start(200_000_000_000)).await.unwrap();
            opener.read_exact(&mut out).await.unwrap();
            assert_eq!(out.as_slice(), expected());
        });
    });
    assert_eq!(read, SEALED_SEGMENT as u64);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn both_openers_read_what_was_sealed_at_any_places(
        length in prop_oneof![Just(0), Just(SEGMENT), Just(2 * SEGMENT), 1..200_000_usize],
        places in proptest::collection::vec((0..220_000_u64, 0..70_000_usize), 1..6),
        bound in any::<bool>(),
        broken in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let text: Vec<u8> = (0..length).map(|i| (i * 13 % 251) as u8).collect();
        let (key, base) = (DataKey::generate().unwrap(), NonceBase::generate().unwrap());
        let mut sealer = BodySealer::new(Vec::new(), &key, base).unwrap();
        sealer.write_all(&text).unwrap();
        let mut body = sealer.finish().unwrap().0;
        if let Some(broken) = broken.filter(|_| !body.is_empty()) {
            let place = broken.index(body.len());
            body[place] ^= 1;
        }
        let binding = if bound { Binding::Position { base, length: length as u64 } } else { Binding::Unbound };
        let mut opener = BodyOpener::seekable(Cursor::new(&body), slice::from_ref(&key), binding).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut other = AsyncBodyOpener::new(Cursor::new(&body), slice::from_ref(&key), binding).await.unwrap();
            for (place, count) in places {
                let start = opener.seek(SeekFrom::Start(place)).unwrap();
                assert_eq!(start, place.min(length as u64));
                assert_eq!(other.seek(SeekFrom::Start(place)).await.unwrap(), start);
                let (mut one, mut two) = (Vec::new(), Vec::new());
                let ends = (opener.by_ref().take(count as u64).read_to_end(&mut one).is_ok(),
                    (&mut other).take(count as u64).read_to_end(&mut two).await.is_ok());
                assert_eq!(ends.0, ends.1);
                let expected = &text[start as usize..length.min(start as usize + count)];
                for out in [one, two] {
                    assert!(if ends.0 { out == expected } else { broken.is_some() && expected.starts_with(&out) });
                }
            }
        });
    }
}
