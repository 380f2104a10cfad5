//! Signed notes, verifier keys and checkpoints.

use std::sync::Arc;

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use sluis_transparency::{Checkpoint, CheckpointError, KeyError, NoteError, SignedNote, Signer, VerifierKey};

use super::*;

/// The example of Go's package note.
const GO_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_SECRET: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const GO_TEXT: &str =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const GO_SIGNATURE: &str =
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn signer(name: &str, seed: u8) -> Signer {
    Signer::new(name, Arc::new(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())).unwrap()
}

fn checkpoint() -> Checkpoint {
    let extensions = vec!["first line".to_owned(), "second".to_owned()];
    Checkpoint { origin: "example.org/log".to_owned(), size: 300, root: root(&leaves(300)), extensions }
}

#[test]
fn go_s_note_is_read_and_made() {
    let key: VerifierKey = GO_KEY.parse().unwrap();
    assert_eq!(key.to_string(), GO_KEY);
    let note = format!("{GO_TEXT}\n{GO_SIGNATURE}");
    assert_eq!(SignedNote::parse(note.as_bytes()).unwrap().verify(&key), Ok(GO_TEXT));
    let secret = STANDARD.decode(GO_SECRET).unwrap();
    let pair = Ed25519KeyPair::from_seed_unchecked(&secret[1..]).unwrap();
    let signer = Signer::new("PeterNeumann", Arc::new(pair)).unwrap();
    assert_eq!(signer.verifier(), &key);
    assert_eq!(SignedNote::sign(GO_TEXT, &signer).unwrap(), note);
}

#[test]
fn no_part_of_a_key_and_no_mangled_key_is_one() {
    for start in 0..GO_KEY.len() {
        for end in start..GO_KEY.len() {
            assert!(GO_KEY[start..end].parse::<VerifierKey>().is_err());
        }
    }
    for place in 0..GO_KEY.len() {
        let mut bytes = GO_KEY.as_bytes().to_vec();
        bytes[place] ^= 1;
        assert!(String::from_utf8(bytes).unwrap().parse::<VerifierKey>().is_err(), "{place}");
    }
    for name in ["", "a b", "a+b", "a\u{a0}b", "a\nb"] {
        assert_eq!(VerifierKey::new(name, [0; 32]), Err(KeyError::Name(name.to_owned())));
    }
}

#[test]
fn a_checkpoint_is_written_as_the_format_says() {
    let note = checkpoint().sign(&signer("example.org/log", 1)).unwrap();
    let lines: Vec<_> = note.split('\n').collect();
    let root = root(&leaves(300)).to_string();
    assert_eq!(lines[..6], ["example.org/log", "300", &root, "first line", "second", ""]);
    assert!(lines[6].starts_with("— example.org/log "), "{note}");
    assert_eq!(lines[7..], [""]);
    let key: VerifierKey = signer("example.org/log", 1).verifier().to_string().parse().unwrap();
    assert_eq!(Checkpoint::open(note.as_bytes(), &key), Ok(checkpoint()));
}

#[test]
fn others_signatures_are_passed_over_and_do_not_count() {
    let (own, other) = (signer("example.org/log", 1), signer("example.org/witness", 2));
    let text = checkpoint().text();
    let note = checkpoint().sign(&own).unwrap();
    let line = SignedNote::sign(&text, &other).unwrap().rsplit_once("\n\n").unwrap().1.to_owned();
    let both = format!("{text}\n{line}{}", note.rsplit_once("\n\n").unwrap().1);
    assert_eq!(SignedNote::parse(both.as_bytes()).unwrap().signatures().len(), 2);
    assert_eq!(Checkpoint::open(both.as_bytes(), own.verifier()), Ok(checkpoint()));
    let theirs = format!("{text}\n{line}");
    let refused = Checkpoint::open(theirs.as_bytes(), own.verifier());
    assert!(matches!(refused, Err(CheckpointError::Note(NoteError::OtherKey { .. }))), "{refused:?}");
    // Another key by the same name is another key.
    let refused = Checkpoint::open(note.as_bytes(), signer("example.org/log", 3).verifier());
    assert!(matches!(refused, Err(CheckpointError::Note(NoteError::OtherKey { .. }))), "{refused:?}");
    // The right key, for another log.
    let elsewhere = SignedNote::sign(&text.replace("/log", "/elsewhere"), &own).unwrap();
    let refused = Checkpoint::open(elsewhere.as_bytes(), own.verifier());
    assert_eq!(refused, Err(CheckpointError::OtherLog("example.org/elsewhere".to_owned())));
}

#[test]
fn what_is_not_written_strictly_is_no_checkpoint() {
    let own = signer("example.org/log", 1);
    let root = root(&leaves(3)).to_string();
    let texts = [
        "\n3\nROOT\n",
        "example.org/log\n03\nROOT\n",
        "example.org/log\n+3\nROOT\n",
        "example.org/log\n-3\nROOT\n",
        "example.org/log\n18446744073709551616\nROOT\n",
        "example.org/log\n3\n",
        "example.org/log\n3\nROOT=\n",
        "example.org/log\n3\nAAAA\n",
        "example.org/log\n3\nROOT\n\nextension\n",
        "example.org/log\n",
    ];
    for text in texts {
        let note = SignedNote::sign(&text.replace("ROOT", &root), &own).unwrap();
        let refused = Checkpoint::open(note.as_bytes(), own.verifier());
        assert!(matches!(refused, Err(CheckpointError::Malformed(_))), "{text:?}: {refused:?}");
    }
    let framed = Checkpoint { extensions: vec!["a\nb".to_owned()], ..checkpoint() };
    assert!(matches!(framed.sign(&own), Err(CheckpointError::Malformed(_))));
    assert!(matches!(checkpoint().sign(&signer("other", 1)), Err(CheckpointError::OtherLog(_))));
}

#[test]
fn what_is_not_written_strictly_is_no_note() {
    let good = format!("{GO_TEXT}\n{GO_SIGNATURE}");
    let notes = [
        GO_TEXT.to_owned(),
        format!("{GO_TEXT}\n"),
        format!("{GO_TEXT}{GO_SIGNATURE}"),
        good.trim_end().to_owned(),
        format!("{good}\n"),
        format!("{good}— no-signature\n"),
        format!("{good}- PeterNeumann AAAAAAA=\n"),
        format!("{good}— PeterNeumann AAAAAA==\n"),
        format!("{good}— Peter+Neumann AAAAAAA=\n"),
        good.replace("— Peter", "—  Peter"),
        good.replace("cryptography", "crypto\tgraphy"),
        format!("{}{good}", "x".repeat(1 << 20)),
        format!("{GO_TEXT}\n{}", GO_SIGNATURE.repeat(101)),
    ];
    for note in notes {
        let refused = SignedNote::parse(note.as_bytes());
        assert!(matches!(refused, Err(NoteError::Malformed(_))), "{note}: {refused:?}");
    }
    assert!(SignedNote::parse(&[good.as_bytes(), &[0xff]].concat()).is_err());
}

proptest! {
    #[test]
    fn no_changed_checkpoint_opens(place in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let own = signer("example.org/log", 1);
        let mut note = checkpoint().sign(&own).unwrap().into_bytes();
        let place = place.index(note.len());
        note[place] ^= 1 << bit;
        prop_assert!(Checkpoint::open(&note, own.verifier()).is_err(), "byte {place}");
    }

    #[test]
    fn hostile_notes_do_not_panic(note in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,80}\n(\n?— \\PC{0,20} [A-Za-z=]{0,20}\n){0,3}") {
        let key = GO_KEY.parse().unwrap();
        prop_assert!(Checkpoint::open(&note, &key).is_err());
        prop_assert!(Checkpoint::open(text.as_bytes(), &key).is_err());
        let _ = text.parse::<VerifierKey>();
    }
}
