//! What must hold of every body, header and key, whatever its bytes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use std::{
    io::{Cursor, Read, Seek, SeekFrom, Write},
    slice,
};

use proptest::prelude::*;
use sluis_crypt4gh::{
    Binding, BodyError, BodyOpener, BodySealer, DataKey, EditList, EditedReader, FileError, Header, HeaderPacket,
    NonceBase, SEALED_SEGMENT, SEGMENT, SecretKey, key_file, open, open_range, rearrange, seal, sealed_length,
    sealed_range,
};

fn text(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 31 % 251) as u8).collect()
}

fn sealed_body(text: &[u8]) -> (DataKey, NonceBase, Vec<u8>) {
    let (key, base) = (DataKey::generate().unwrap(), NonceBase::generate().unwrap());
    let mut sealer = BodySealer::new(Vec::new(), &key, base).unwrap();
    sealer.write_all(text).unwrap();
    let (body, length) = sealer.finish().unwrap();
    assert_eq!(length, text.len() as u64);
    assert_eq!(body.len() as u64, sealed_length(length));
    (key, base, body)
}

fn opened(key: &DataKey, binding: Binding, body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    BodyOpener::new(body, slice::from_ref(key), binding).unwrap().read_to_end(&mut text)?;
    Ok(text)
}

fn body_error(error: &std::io::Error) -> BodyError {
    *error.get_ref().and_then(|inner| inner.downcast_ref()).expect("a body error")
}

const LENGTHS: [usize; 7] = [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, 3 * SEGMENT + 17];

#[test]
fn what_was_sealed_opens_at_every_length_around_a_segment() {
    for length in LENGTHS {
        let text = text(length);
        let (key, base, body) = sealed_body(&text);
        let binding = Binding::Position { base, length: length as u64 };
        assert_eq!(opened(&key, binding, &body).unwrap(), text);
        assert_eq!(opened(&key, Binding::Unbound, &body).unwrap(), text);
    }
}

#[test]
fn whole_files_open_for_each_recipient_and_for_nobody_else() {
    let keys = [(); 3].map(|()| SecretKey::generate().unwrap());
    let mut file = Vec::new();
    let count = seal(&text(100_000)[..], &mut file, &[keys[0].public_key(), keys[1].public_key()]).unwrap();
    assert_eq!(count, 100_000);
    for key in &keys[..2] {
        let mut out = Vec::new();
        open(&file[..], &mut out, key).unwrap();
        assert_eq!(out, text(100_000));
    }
    assert!(open(&file[..], std::io::sink(), &keys[2]).is_err());
}

#[test]
fn segments_moved_removed_repeated_or_added_are_noticed() {
    let (key, base, body) = sealed_body(&text(3 * SEGMENT));
    let binding = Binding::Position { base, length: 3 * SEGMENT as u64 };
    let segment = |i: usize| &body[i * SEALED_SEGMENT..(i + 1) * SEALED_SEGMENT];
    let error = |parts: &[&[u8]]| body_error(&opened(&key, binding, &parts.concat()).unwrap_err());
    assert_eq!(error(&[segment(1), segment(0), segment(2)]), BodyError::Misplaced(0));
    assert_eq!(error(&[segment(0), segment(2)]), BodyError::Misplaced(1));
    assert_eq!(error(&[segment(0), segment(1)]), BodyError::Truncated(2));
    assert_eq!(error(&[segment(0), segment(0), segment(2)]), BodyError::Misplaced(1));
    assert_eq!(error(&[&body, segment(0)]), BodyError::TooLong);
    assert_eq!(error(&[&body, b"x"]), BodyError::TooLong);
}

#[test]
fn keys_survive_their_files_and_show_nothing_when_printed() {
    let key = SecretKey::generate().unwrap();
    let text = key_file::write_secret_key(&key);
    let again = key_file::read_secret_key(&text).unwrap();
    assert_eq!(again.public_key(), key.public_key());
    let public = key_file::write_public_key(&key.public_key());
    assert_eq!(key_file::read_public_key(&public).unwrap(), key.public_key());
    assert_eq!(format!("{:?}", DataKey::generate().unwrap()), "DataKey");
    assert!(key_file::read_public_key(&text).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_range_reads_as_the_plaintext_does(length in 0..4 * SEGMENT, from in 0..4 * SEGMENT, count in 0..2 * SEGMENT) {
        let text = text(length);
        let (key, base, body) = sealed_body(&text);
        for binding in [Binding::Unbound, Binding::Position { base, length: length as u64 }] {
            let mut opener = BodyOpener::seekable(Cursor::new(&body), slice::from_ref(&key), binding).unwrap();
            let at = opener.seek(SeekFrom::Start(from as u64)).unwrap() as usize;
            prop_assert_eq!(at, from.min(length));
            prop_assert_eq!(opener.stream_position().unwrap() as usize, at);
            let mut out = Vec::new();
            opener.take(count as u64).read_to_end(&mut out).unwrap();
            prop_assert_eq!(&out[..], &text[at..(at + count).min(length)]);
        }
    }

    #[test]
    fn a_flipped_bit_or_a_cut_is_noticed_before_the_segment_is_given_out(
        length in 1..2 * SEGMENT, place in any::<prop::sample::Index>(), bit in 0..8_u8, cut in any::<bool>(),
    ) {
        let text = text(length);
        let (key, base, mut body) = sealed_body(&text);
        let place = place.index(body.len());
        if cut { body.truncate(place) } else { body[place] ^= 1 << bit }
        let mut opener = BodyOpener::new(&body[..], slice::from_ref(&key), Binding::Position { base, length: length as u64 }).unwrap();
        let mut out = Vec::new();
        prop_assert!(opener.read_to_end(&mut out).is_err());
        prop_assert_eq!(&out[..], &text[..place / SEALED_SEGMENT * SEGMENT]);
    }

    #[test]
    fn no_bytes_make_the_parsers_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), head in any::<bool>()) {
        let key = SecretKey::generate().unwrap();
        let mut file = if head { b"crypt4gh\x01\0\0\0\x02\0\0\0\x6c\0\0\0\0\0\0\0".to_vec() } else { Vec::new() };
        file.extend_from_slice(&bytes);
        prop_assert!(open(&file[..], std::io::sink(), &key).is_err());
        if let Ok(packet) = HeaderPacket::from_bytes(bytes.clone()) {
            prop_assert!(packet.open(&key).is_err());
        }
        let _ = key_file::read_secret_key(&String::from_utf8_lossy(&bytes));
        let mut opener = BodyOpener::seekable(Cursor::new(&bytes), &[DataKey::generate().unwrap()], Binding::Unbound).unwrap();
        let _ = opener.seek(SeekFrom::End(-1));
        prop_assert!(opener.read_to_end(&mut Vec::new()).is_err() || bytes.is_empty());
    }
}

proptest! {
    #[test]
    fn an_edit_list_gives_the_parts_that_it_keeps(
        length in 0..3 * SEGMENT,
        lengths in prop::collection::vec(prop_oneof![0..200_u64, 0..3 * SEGMENT as u64], 0..7),
        to in any::<u16>(),
    ) {
        let text = text(length);
        let (key, _, body) = sealed_body(&text);
        let edits = EditList::from_lengths(lengths.clone());
        let expected = kept(&text, &lengths);
        let open = || BodyOpener::seekable(Cursor::new(&body), slice::from_ref(&key), Binding::Unbound).unwrap();
        for mut reader in [EditedReader::new(open(), &edits), EditedReader::seekable(open(), &edits)] {
            let mut found = Vec::new();
            reader.read_to_end(&mut found).unwrap();
            prop_assert!(found == expected);
        }
        let mut reader = EditedReader::seekable(open(), &edits);
        let to = usize::from(to).min(expected.len());
        prop_assert_eq!(reader.seek(SeekFrom::Start(to as u64)).unwrap(), to as u64);
        let mut found = Vec::new();
        reader.read_to_end(&mut found).unwrap();
        prop_assert!(found == expected[to..]);
    }

    #[test]
    fn any_range_of_a_body_opens_from_where_it_lies_and_reads_no_further(
        length in prop_oneof![Just(0), Just(2 * SEGMENT), 0..6 * SEGMENT],
        start in prop_oneof![Just(0), Just(SEGMENT as u64), 0..7 * SEGMENT as u64],
        count in prop_oneof![Just(0), Just(SEGMENT as u64), Just(u64::MAX), 0..6 * SEGMENT as u64],
        broken in any::<prop::sample::Index>(),
    ) {
        let text = text(length);
        let (key, _, body) = sealed_body(&text);
        let range = start..start.saturating_add(count);
        let sealed = sealed_range(&range);
        let part = (sealed.start as usize).min(body.len())..(sealed.end.min(body.len() as u64) as usize);
        let expected = &text[(start as usize).min(length)..range.end.min(length as u64) as usize];
        let mut rest = &body[part.start..];
        let mut found = Vec::new();
        let opened = open_range(Read::by_ref(&mut rest), &mut found, slice::from_ref(&key), &range).unwrap();
        prop_assert!(found == expected && opened == expected.len() as u64);
        prop_assert!(count == 0 || rest.len() == body.len() - part.end, "{} bytes are left", rest.len());
        if expected.is_empty() {
            return Ok(());
        }
        let (mut wrong, place) = (body.clone(), part.start + broken.index(part.len()));
        wrong[place] ^= 1;
        let mut found = Vec::new();
        match open_range(&wrong[part.start..], &mut found, slice::from_ref(&key), &range) {
            Err(FileError::Io(error)) => {
                prop_assert_eq!(body_error(&error), BodyError::Damaged((place / SEALED_SEGMENT) as u64));
            }
            other => prop_assert!(false, "{:?}", other),
        }
        prop_assert!(expected.starts_with(&found));
    }

    #[test]
    fn a_rearranged_file_gives_the_ranges_in_order(
        length in 0..4 * SEGMENT,
        ranges in prop::collection::vec((0..4 * SEGMENT as u64, 1..2 * SEGMENT as u64), 1..5),
        is_open in any::<bool>(),
    ) {
        let (text, key) = (text(length), SecretKey::generate().unwrap());
        let mut ranges: Vec<_> = ranges.into_iter().map(|(start, length)| start..start + length).collect();
        if is_open {
            ranges.push(u64::from(ranges[0].start as u32)..u64::MAX);
        }
        let (mut sealed, mut part, mut found) = (Vec::new(), Vec::new(), Vec::new());
        seal(&text[..], &mut sealed, &[key.public_key()]).unwrap();
        rearrange(&sealed[..], &mut part, &key, &ranges).unwrap();
        prop_assert!(part.len() <= sealed.len() + 2000);
        open(&part[..], &mut found, &key).unwrap();
        let is_kept = |at: usize| ranges.iter().any(|range| range.contains(&(at as u64)));
        let expected: Vec<_> = (0..length).filter(|at| is_kept(*at)).map(|at| text[at]).collect();
        prop_assert!(found == expected);
    }
}

/// What an edit list keeps, the slow way.
fn kept(text: &[u8], lengths: &[u64]) -> Vec<u8> {
    let mut left = text;
    let mut out = Vec::new();
    for (number, length) in lengths.iter().enumerate() {
        let (part, rest) = left.split_at((*length).min(left.len() as u64) as usize);
        if number % 2 == 1 {
            out.extend_from_slice(part);
        }
        left = rest;
    }
    if lengths.len() % 2 == 1 {
        out.extend_from_slice(left);
    }
    out
}

#[test]
fn a_header_is_sealed_for_others_and_the_body_stays() {
    let [own, other, third] = [(); 3].map(|()| SecretKey::generate().unwrap());
    let text = text(2 * SEGMENT + 5);
    let mut sealed = Vec::new();
    seal(&text[..], &mut sealed, &[own.public_key(), third.public_key()]).unwrap();
    let mut reader = &sealed[..];
    let header = Header::read_from(&mut reader).unwrap();
    for (keeps_others, third_reads) in [(true, true), (false, false)] {
        let mut again = Vec::new();
        header.reencrypt(&own, &[other.public_key()], keeps_others).unwrap().write_to(&mut again).unwrap();
        again.extend_from_slice(reader);
        for (key, reads) in [(&other, true), (&own, false), (&third, third_reads)] {
            let mut found = Vec::new();
            let opened = open(&again[..], &mut found, key);
            assert_eq!(opened.is_ok() && found == text, reads);
        }
    }
    assert!(header.reencrypt(&other, &[own.public_key()], true).is_err());
}

#[test]
fn a_body_of_two_keys_is_opened_with_both() {
    let reader = SecretKey::generate().unwrap();
    let (first, second) = (text(SEGMENT), text(SEGMENT + 7));
    let ((one, _, mut body), (two, _, rest)) = (sealed_body(&first), sealed_body(&second));
    body.extend_from_slice(&rest);
    let writer = SecretKey::generate().unwrap();
    let packets = [&one, &two].map(|key| HeaderPacket::seal(key, &writer, &reader.public_key()).unwrap());
    let mut file = Vec::new();
    Header { packets: packets.to_vec() }.write_to(&mut file).unwrap();
    file.extend_from_slice(&body);
    let mut found = Vec::new();
    open(&file[..], &mut found, &reader).unwrap();
    assert!(found == [first, second].concat());
}
