//! How fast bodies are sealed and opened, against the bare primitives on the same bytes in the same run.
//!
//! `cargo run --release -p sluis-crypt4gh --example speed [MEGABYTES] [REPEATS]`; the file lies in memory, in
//! /dev/shm, or in the page cache of the disk that `SPEED_FOLDER` names. With `SPEED_SMALL_PIECES` the sealed file is written
//! segment by segment, not as the store writes it.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement may fail, and prints")]

use std::{
    fs::File,
    hint::black_box,
    io::{self, Read, Seek, Write},
    num::NonZero,
    os::unix::fs::FileExt,
    thread,
    time::Instant,
};

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use blake3::{Hasher, hazmat::HasherExt};
use sluis_crypt4gh::{BATCH, Binding, BodyOpener, DataKey, NonceBase, PieceWriter, SEGMENT, open_body, seal_body};

/// Runs a function in several threads, each with its own copy of the plaintext's part.
fn in_threads(threads: usize, work: impl Fn(usize) + Sync) {
    thread::scope(|scope| {
        (0..threads).for_each(|number| {
            drop(scope.spawn({
                let work = &work;
                move || work(number)
            }))
        })
    });
}

/// Megabytes (10⁶) a second.
fn rate(bytes: usize, work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    bytes as f64 / 1e6 / begun.elapsed().as_secs_f64()
}

fn group_value(number: u64, segments: sluis_crypt4gh::Segments<'_>) -> [u8; 32] {
    let mut hasher = Hasher::new_keyed(&[7; 32]);
    hasher.set_input_offset(number * BATCH as u64);
    segments.for_each(|text| {
        hasher.update(text);
    });
    hasher.finalize_non_root()
}

/// What the primitive works on where the data do not lie in the cache: segments, each with room for its tag.
const WITH_TAG: usize = SEGMENT + 16;

/// Hands each thread its part of the memory, segment by segment, with the segment's nonce.
fn in_parts(memory: &mut [u8], threads: usize, work: impl Fn(&mut dyn Iterator<Item = (Nonce, &mut [u8])>) + Sync) {
    let each = (memory.len() / WITH_TAG / threads).max(1) * WITH_TAG;
    thread::scope(|scope| {
        for part in memory.chunks_mut(each) {
            let work = &work;
            scope.spawn(move || {
                let numbered = part.chunks_exact_mut(WITH_TAG).zip(0_u64..);
                work(&mut numbered.map(|(text, number)| (nonce(number), text)));
            });
        }
    });
}

fn nonce(number: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&number.to_le_bytes());
    Nonce::assume_unique_for_key(nonce)
}

/// Writes what is sealed as it comes, one segment at a time.
struct SegmentBySegment<'a>(&'a File);

impl Write for SegmentBySegment<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Figures(Vec<(String, Vec<f64>)>);

impl Figures {
    fn add(&mut self, name: &str, rate: f64) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, rates)) => rates.push(rate),
            None => self.0.push((name.to_owned(), vec![rate])),
        }
    }

    fn median(&self, name: &str) -> f64 {
        let mut rates = self.0.iter().find(|(known, _)| known == name).unwrap().1.clone();
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>().unwrap());
    let (megabytes, repeats) = (arguments.next().unwrap_or(512), arguments.next().unwrap_or(5));
    let bytes = megabytes << 20;
    let folder = std::env::var_os("SPEED_FOLDER").unwrap_or_else(|| "/dev/shm".into());
    let mut plain = tempfile::tempfile_in(&folder).unwrap();
    // In large pieces, as programs write large files: what is written in small ones lies in smaller parts of the page cache,
    // and is slower to read.
    let piece = vec![0x41; 1 << 20];
    (0..megabytes).for_each(|_| plain.write_all(&piece).unwrap());
    let (key, base) = (DataKey::generate().unwrap(), NonceBase::generate().unwrap());
    let sealed = tempfile::tempfile_in(&folder).unwrap();
    let one = NonZero::<usize>::MIN;
    let again = |file: &File| {
        let mut file = file.try_clone().unwrap();
        file.rewind().unwrap();
        file
    };
    plain.rewind().unwrap();
    // As the store writes a body, or in the pieces in which it is sealed.
    if std::env::var_os("SPEED_SMALL_PIECES").is_none() {
        seal_body(again(&plain), PieceWriter::new(&sealed), &key, base, one, |_, _| (), drop).unwrap();
    } else {
        seal_body(again(&plain), SegmentBySegment(&sealed), &key, base, one, |_, _| (), drop).unwrap();
    }
    let binding = Binding::Position { base, length: bytes as u64 };
    let bare = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &[3; 32]).unwrap());
    // As large as the file, so that it lies in memory as the file does.
    let mut memory = vec![0x41; bytes / SEGMENT * WITH_TAG];
    let mut figures = Figures(Vec::new());
    for _ in 0..repeats {
        for threads in [1, 2] {
            let count = NonZero::new(threads).unwrap();
            let part = bytes / threads / SEGMENT;
            figures.add(
                &format!("primitive: seal, {threads}"),
                rate(bytes, || {
                    in_threads(threads, |_| {
                        let mut text = vec![0x41; SEGMENT];
                        for number in 0..part as u64 {
                            let sealed = bare.seal_in_place_separate_tag(nonce(number), Aad::empty(), &mut text);
                            let _tag = black_box(sealed.unwrap());
                        }
                    })
                }),
            );
            figures.add(
                &format!("primitive: open, {threads}"),
                rate(bytes, || {
                    in_threads(threads, |_| {
                        let mut text = vec![0x41; SEGMENT];
                        bare.seal_in_place_append_tag(nonce(0), Aad::empty(), &mut text).unwrap();
                        let sealed = text.clone();
                        for _ in 0..part {
                            // Opening works in place; a copy in the cache is what makes it repeatable.
                            text.copy_from_slice(&sealed);
                            black_box(bare.open_in_place(nonce(0), Aad::empty(), &mut text).unwrap());
                        }
                    })
                }),
            );
            figures.add(
                &format!("primitive in memory: seal, {threads}"),
                rate(bytes, || {
                    in_parts(&mut memory, threads, |segments| {
                        for (nonce, segment) in segments {
                            let (text, tag) = segment.split_at_mut(SEGMENT);
                            let sealed = bare.seal_in_place_separate_tag(nonce, Aad::empty(), text).unwrap();
                            tag.copy_from_slice(sealed.as_ref());
                        }
                    });
                }),
            );
            figures.add(
                &format!("primitive in memory: open, {threads}"),
                rate(bytes, || {
                    in_parts(&mut memory, threads, |segments| {
                        let mut out = vec![0; SEGMENT];
                        for (nonce, segment) in segments {
                            let (text, tag) = segment.split_at(SEGMENT);
                            bare.open_separate_gather(nonce, Aad::empty(), text, tag, &mut out).unwrap();
                            black_box(&out);
                        }
                    });
                }),
            );
            figures.add(
                &format!("primitive: keyed BLAKE3, {threads}"),
                rate(bytes, || {
                    in_threads(threads, |_| {
                        let text = vec![0x41; SEGMENT];
                        let mut hasher = Hasher::new_keyed(&[7; 32]);
                        (0..part).for_each(|_| {
                            hasher.update(&text);
                        });
                        black_box(hasher.finalize());
                    })
                }),
            );
            figures.add(
                &format!("primitives in memory: seal, then keyed BLAKE3, {threads}"),
                rate(bytes, || {
                    in_parts(&mut memory, threads, |segments| {
                        for (nonce, segment) in segments {
                            let (text, tag) = segment.split_at_mut(SEGMENT);
                            let sealed = bare.seal_in_place_separate_tag(nonce, Aad::empty(), text).unwrap();
                            tag.copy_from_slice(sealed.as_ref());
                        }
                    });
                    in_parts(&mut memory, threads, |segments| {
                        let mut hasher = Hasher::new_keyed(&[7; 32]);
                        segments.for_each(|(_, segment)| {
                            hasher.update(&segment[..SEGMENT]);
                        });
                        black_box(hasher.finalize());
                    });
                }),
            );
            figures.add(
                &format!("read alone, {threads}"),
                rate(bytes, || {
                    in_threads(threads, |number| {
                        // From the beginning of a line of the cache, where the system copies fastest.
                        let mut buffer = vec![0; BATCH + 64];
                        let start = buffer.as_ptr().align_offset(64);
                        let each = bytes / threads;
                        for at in (number * each..(number + 1) * each).step_by(BATCH) {
                            let count = sealed.read_at(&mut buffer[start..start + BATCH], at as u64).unwrap();
                            black_box(&buffer[start..start + count]);
                        }
                    });
                }),
            );
            figures.add(
                &format!("open to nowhere, {threads}"),
                rate(bytes, || {
                    open_body(again(&sealed), io::sink(), std::slice::from_ref(&key), binding, count, |_, _| (), drop)
                        .unwrap();
                }),
            );
            figures.add(
                &format!("seal to nowhere, {threads}"),
                rate(bytes, || {
                    seal_body(again(&plain), io::sink(), &key, base, count, |_, _| (), drop).unwrap();
                }),
            );
            figures.add(
                &format!("seal and address to nowhere, {threads}"),
                rate(bytes, || {
                    seal_body(again(&plain), io::sink(), &key, base, count, group_value, drop).unwrap();
                }),
            );
            figures.add(
                &format!("seal and address from memory, {threads}"),
                rate(bytes, || {
                    seal_body(&memory[..bytes], io::sink(), &key, base, count, group_value, drop).unwrap();
                }),
            );
            figures.add(
                &format!("seal and address to a file, {threads}"),
                rate(bytes, || {
                    let to = PieceWriter::new(tempfile::tempfile_in(&folder).unwrap());
                    seal_body(again(&plain), to, &key, base, count, group_value, drop).unwrap();
                }),
            );
            figures.add(
                &format!("open to a file, {threads}"),
                rate(bytes, || {
                    let to = PieceWriter::new(tempfile::tempfile_in(&folder).unwrap());
                    open_body(again(&sealed), to, std::slice::from_ref(&key), binding, count, |_, _| (), drop).unwrap();
                }),
            );
        }
        figures.add(
            "BodyOpener, 1",
            rate(bytes, || {
                let mut opener = BodyOpener::new(again(&sealed), std::slice::from_ref(&key), binding).unwrap();
                let mut buffer = vec![0; 4 * SEGMENT];
                while opener.read(&mut buffer).unwrap() > 0 {}
            }),
        );
    }
    for (name, _) in &figures.0 {
        println!("{:>8.0} MB/s  {name}", figures.median(name));
    }
    for threads in [1, 2] {
        let of = |name: &str| figures.median(&format!("{name}, {threads}"));
        for primitive in ["primitive", "primitive in memory"] {
            println!(
                "{threads} thread(s), {primitive}: open {:.2}, seal {:.2}",
                of("open to nowhere") / of(&format!("{primitive}: open")),
                of("seal to nowhere") / of(&format!("{primitive}: seal")),
            );
        }
        let both = of("primitives in memory: seal, then keyed BLAKE3");
        println!(
            "{threads} thread(s), both primitives in memory: seal and address from memory {:.2}, from a file {:.2}",
            of("seal and address from memory") / both,
            of("seal and address to nowhere") / both,
        );
        let (read, open) = (of("read alone"), of("primitive in memory: open"));
        println!(
            "{threads} thread(s): reading and the primitive, one after the other, give {:.2}",
            read / (read + open)
        );
    }
}
