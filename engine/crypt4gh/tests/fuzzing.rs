//! Headers, bodies and key files, damaged at random: nothing may panic, hang or take memory without bound, and nothing but
//! what was sealed may come out.
//!
//! `PROPTEST_CASES=1000000 cargo test --release -p sluis-crypt4gh --test fuzzing` looks longer.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::{io::Cursor, num::NonZero, sync::LazyLock};

use proptest::{collection::vec, prelude::*, sample::Index};
use sluis_crypt4gh::{
    Binding, EditList, Header, HeaderPacket, SEGMENT, SecretKey, key_file, open, open_body, rearrange, seal,
};
use zeroize::Zeroizing;

fn reader() -> &'static SecretKey {
    static KEY: LazyLock<SecretKey> = LazyLock::new(|| SecretKey::from_bytes(&Zeroizing::new([7; 32])).unwrap());
    &KEY
}

fn plain() -> Vec<u8> {
    (0..2 * SEGMENT + 99).map(|i| (i % 251) as u8).collect()
}

/// Valid files: for one reader, for several, with an edit list.
static FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let other = SecretKey::generate().unwrap().public_key();
    let (mut one, mut several, mut part) = (Vec::new(), Vec::new(), Vec::new());
    seal(&plain()[..], &mut one, &[reader().public_key()]).unwrap();
    seal(&plain()[..], &mut several, &[other, reader().public_key(), other]).unwrap();
    rearrange(&one[..], &mut part, reader(), &[5..70, SEGMENT as u64..SEGMENT as u64 + 9]).unwrap();
    vec![one, several, part]
});

/// Valid key files of every kind; what protects them is weak, so that trying is quick.
static KEYS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut keys: Vec<Vec<u8>> = vec![
        key_file::write_secret_key(reader()).as_bytes().to_vec(),
        key_file::lock_secret_key(reader(), "secret words").unwrap().as_bytes().to_vec(),
        key_file::write_public_key(&reader().public_key()).into_bytes(),
    ];
    for name in ["openssh-plain", "openssh-locked", "openssh.pub", "bcrypt", "pbkdf2"] {
        keys.push(std::fs::read(format!("{}/tests/keys/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap());
    }
    keys
});

#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    Flip(Index, u8),
    Remove(Index, usize),
    Insert(Index, Vec<u8>),
    Copy(Index, Index, usize),
    Cut(Index),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        (any::<Index>(), 1..200_usize).prop_map(|(at, count)| Change::Remove(at, count)),
        (any::<Index>(), vec(any::<u8>(), 1..50)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (any::<Index>(), any::<Index>(), 1..200_usize).prop_map(|(from, to, count)| Change::Copy(from, to, count)),
        any::<Index>().prop_map(Change::Cut),
    ]
}

/// Changes fall into the first bytes as often as anywhere: there the header is.
fn apply(bytes: &mut Vec<u8>, changes: &[Change], within: usize) {
    for change in changes {
        let length = bytes.len().min(within);
        if length == 0 {
            return;
        }
        match change {
            Change::Set(at, byte) => bytes[at.index(length)] = *byte,
            Change::Flip(at, bit) => bytes[at.index(length)] ^= 1 << bit,
            Change::Remove(at, count) => {
                let start = at.index(length);
                bytes.drain(start..bytes.len().min(start + count));
            }
            Change::Insert(at, new) => {
                let start = at.index(length);
                bytes.splice(start..start, new.iter().copied());
            }
            Change::Copy(from, to, count) => {
                let (from, to) = (from.index(length), to.index(length));
                let part = bytes[from..bytes.len().min(from + count)].to_vec();
                bytes.splice(to..to, part);
            }
            Change::Cut(at) => bytes.truncate(at.index(length)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: proptest::test_runner::contextualize_config(ProptestConfig::with_cases(400)).cases, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_file_gives_nothing_but_what_was_sealed(
        which in any::<Index>(), changes in vec(change(), 1..4), within in prop_oneof![Just(200_usize), Just(usize::MAX)],
    ) {
        let mut file = which.get(&FILES).clone();
        apply(&mut file, &changes, within);
        let mut out = Vec::new();
        let _ = open(&file[..], &mut out, reader());
        // Whole segments may be missing or repeated: the format alone does not notice. But each is as it was sealed.
        let text = plain();
        // What the edit list joins stands side by side nowhere else.
        let shown = [&text[5..70], &text[SEGMENT..SEGMENT + 9]].concat();
        let stands_in = |text: &[u8], part: &[u8]| text.windows(part.len()).any(|window| window == part);
        let known = |part: &[u8]| stands_in(&text, part) || stands_in(&shown, part);
        for part in out.chunks(8).take(40) {
            prop_assert!(known(part), "{part:?}");
        }
        if let Ok(header) = Header::read_from(&file[..]) {
            let _ = header.reencrypt(reader(), &[reader().public_key()], true);
            let mut again = Vec::new();
            header.write_to(&mut again).unwrap();
            prop_assert_eq!(Header::read_from(&again[..]).unwrap(), header);
        }
        let _ = rearrange(&file[..], Vec::new(), reader(), &[0..10, 70_000..70_001]);
    }

    #[test]
    fn any_bytes_are_no_header_or_one_that_is_written_the_same(bytes in vec(any::<u8>(), 0..300)) {
        let mut file = b"crypt4gh\x01\0\0\0".to_vec();
        file.extend(&bytes);
        for bytes in [&bytes, &file] {
            let mut cursor = Cursor::new(bytes);
            if let Ok(header) = Header::read_from(&mut cursor) {
                let mut again = Vec::new();
                header.write_to(&mut again).unwrap();
                prop_assert_eq!(&again[..], &bytes[..cursor.position() as usize]);
            }
        }
        let _ = HeaderPacket::from_bytes(bytes).map(|packet| packet.open(reader()).is_ok());
    }

    #[test]
    fn any_edit_list_ends_and_shows_only_what_was_sealed(
        lengths in vec(prop_oneof![0..200_000_u64, Just(u64::MAX), Just(u64::MAX / 2), any::<u64>()], 0..8),
    ) {
        let file = &FILES[0];
        let key = Header::read_from(&file[..]).unwrap().open(reader()).unwrap().keys.swap_remove(0);
        let own = SecretKey::generate().unwrap();
        let packets = vec![
            HeaderPacket::seal(&key, &own, &reader().public_key()).unwrap(),
            HeaderPacket::seal_edits(&EditList::from_lengths(lengths.clone()), &own, &reader().public_key()).unwrap(),
        ];
        let mut edited = Vec::new();
        Header { packets }.write_to(&mut edited).unwrap();
        let mut rest = &file[..];
        Header::read_from(&mut rest).unwrap();
        edited.extend_from_slice(rest);
        let mut out = Vec::new();
        open(&edited[..], &mut out, reader()).unwrap();
        let text = plain();
        let (mut expected, mut at) = (Vec::new(), 0_u64);
        for pair in lengths.chunks(2) {
            let start = at.saturating_add(pair[0]).min(text.len() as u64);
            let end = pair.get(1).map_or(u64::MAX, |keep| start.saturating_add(*keep)).min(text.len() as u64);
            expected.extend_from_slice(&text[start as usize..end as usize]);
            at = end;
        }
        prop_assert_eq!(out, expected);
    }

    #[test]
    fn any_body_under_any_binding_ends(changes in vec(change(), 1..4), length in prop_oneof![0..300_000_u64, any::<u64>()]) {
        let mut rest = &FILES[0][..];
        let key = Header::read_from(&mut rest).unwrap().open(reader()).unwrap().keys.swap_remove(0);
        let mut body = rest.to_vec();
        apply(&mut body, &changes, usize::MAX);
        let mut base = [0; 12];
        base.copy_from_slice(&rest[..12]);
        let binding = Binding::Position { base: sluis_crypt4gh::NonceBase::from_bytes(base), length };
        let mut out = Vec::new();
        let two = NonZero::new(2).unwrap();
        let outcome = open_body(&body[..], &mut out, std::slice::from_ref(&key), binding, two, |_, _| (), drop);
        prop_assert!(plain().starts_with(&out));
        prop_assert!(outcome.is_err() || out == plain());
    }

    #[test]
    fn any_key_file_gives_a_key_or_an_error(which in any::<Index>(), changes in vec(change(), 0..4)) {
        let mut bytes = which.get(&KEYS).clone();
        apply(&mut bytes, &changes, usize::MAX);
        let text = String::from_utf8_lossy(&bytes);
        let _ = key_file::read_public_key(&text);
        let _ = key_file::read_secret_key(&text);
        // Trying a passphrase takes as long as the file asks for, up to a bound.
        if changes.len() == 1 {
            let _ = key_file::unlock_secret_key(&text, "secret words");
        }
    }
}
