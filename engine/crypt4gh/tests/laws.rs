//! What must hold of every body, header and key, whatever its bytes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use std::io::{Cursor, Read, Seek, SeekFrom, Write};

use proptest::prelude::*;
use sluis_crypt4gh::{
    Binding, BodyError, BodyOpener, BodySealer, DataKey, HeaderPacket, NonceBase, SEALED_SEGMENT, SEGMENT, SecretKey,
    key_file, open, seal, sealed_length,
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
    BodyOpener::new(body, key, binding).unwrap().read_to_end(&mut text)?;
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
            let mut opener = BodyOpener::seekable(Cursor::new(&body), &key, binding).unwrap();
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
        let mut opener = BodyOpener::new(&body[..], &key, Binding::Position { base, length: length as u64 }).unwrap();
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
        let mut opener = BodyOpener::seekable(Cursor::new(&bytes), &DataKey::generate().unwrap(), Binding::Unbound).unwrap();
        let _ = opener.seek(SeekFrom::End(-1));
        prop_assert!(opener.read_to_end(&mut Vec::new()).is_err() || bytes.is_empty());
    }
}
