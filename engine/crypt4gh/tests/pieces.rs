//! Writing in large pieces: the same bytes, whatever the sizes in which they come, and no error is lost.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::{
    cell::RefCell,
    io::{self, Write},
};

use proptest::prelude::*;
use sluis_crypt4gh::{PIECE, PieceWriter};

fn text(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 31 % 251) as u8).collect()
}

/// A disk with so much room, which takes a part of what it is given if that is all that fits.
#[derive(Debug)]
struct Disk {
    room: usize,
    bytes: Vec<u8>,
    writes: Vec<usize>,
}

impl Disk {
    fn with(room: usize) -> Self {
        Self { room, bytes: Vec::new(), writes: Vec::new() }
    }
}

impl Write for &mut Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.room);
        if count == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.room -= count;
        self.bytes.extend_from_slice(&bytes[..count]);
        self.writes.push(count);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn everything_comes_in_order_and_in_whole_pieces(
        sizes in prop::collection::vec(prop_oneof![1..100_usize, 60_000..70_000_usize, PIECE - 1..3 * PIECE], 1..30),
    ) {
        let text = text(sizes.iter().sum());
        let mut disk = Disk::with(usize::MAX);
        let mut writer = PieceWriter::new(&mut disk);
        let mut left = &text[..];
        for size in sizes {
            let (now, later) = left.split_at(size);
            writer.write_all(now).unwrap();
            left = later;
        }
        writer.finish().unwrap();
        prop_assert!(disk.bytes == text);
        let last = disk.writes.pop().unwrap();
        prop_assert!(disk.writes.iter().all(|count| count % PIECE == 0), "{:?}", disk.writes);
        prop_assert!(last <= 3 * PIECE);
    }
}

#[test]
fn what_the_disk_refuses_at_the_end_is_an_error_and_is_gone_on_with_when_there_is_room() {
    let text = text(PIECE + 1000);
    for room in [0, 10, PIECE - 1, PIECE, PIECE + 999] {
        let mut disk = Disk::with(room);
        let mut writer = PieceWriter::new(&mut disk);
        for part in text.chunks(65_564) {
            // The first error may come with a piece or with the end.
            if writer.write_all(part).is_err() {
                break;
            }
        }
        assert_eq!(writer.finish().unwrap_err().kind(), io::ErrorKind::StorageFull, "{room}");
        assert!(text.starts_with(&disk.bytes) && disk.bytes.len() == room, "{room}");
    }
    let mut disk = Disk::with(10);
    let mut writer = PieceWriter::new(Shared(RefCell::new(&mut disk)));
    writer.write_all(&text[..500]).unwrap();
    assert!(writer.flush().is_err() && writer.flush().is_err());
    writer.get_ref().0.borrow_mut().room = 1000;
    writer.finish().unwrap();
    assert!(disk.bytes == text[..500], "no byte twice, none left out");
}

/// A disk that somebody else makes room on.
#[derive(Debug)]
struct Shared<'a>(RefCell<&'a mut Disk>);

impl Write for Shared<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.get_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_flush_hands_on_what_there_is() {
    let mut disk = Disk::with(usize::MAX);
    let mut writer = PieceWriter::new(&mut disk);
    writer.write_all(b"one").unwrap();
    assert!(writer.get_ref().bytes.is_empty());
    writer.flush().unwrap();
    assert_eq!(writer.get_ref().bytes, b"one");
    writer.write_all(b"two").unwrap();
    assert_eq!(writer.finish().unwrap().bytes, b"onetwo");
}
