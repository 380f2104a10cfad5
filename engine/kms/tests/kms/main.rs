//! A key in Cloud KMS over real HTTP, and what becomes of it when the server, or the way to it, is bad.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod faults;
mod google;
#[path = "../../../bucket/tests/bucket/wire.rs"]
#[allow(dead_code, reason = "nothing is asked here but by the client")]
mod wire;

use std::time::Duration;

use sluis_bucket::Patience;
use sluis_kms::{KeyVersion, Kms, KmsError, ProtectionLevel};

use google::Google;

const KEY: &str = "projects/p/locations/europe-west3/keyRings/r/cryptoKeys/site";
const SECRET: &[u8] = b"thirty-two bytes that are secret";

/// Hardly any waiting, for as long as a slow machine may take.
const PATIENT: Patience = Patience {
    first_wait: Duration::from_millis(1),
    longest_wait: Duration::from_millis(20),
    tries_for: Duration::from_secs(60),
    one_try: Duration::from_secs(60),
};

/// One try, whatever comes of it.
const ONCE: Patience = Patience { tries_for: Duration::ZERO, ..PATIENT };

fn client(google: &Google, patience: Patience) -> Kms {
    Kms::new(KEY.parse().unwrap(), Some(google.endpoint().parse().unwrap()), patience).unwrap()
}

/// A server with the key, and its client.
fn pair(patience: Patience) -> (Google, Kms) {
    let google = Google::start();
    google.rotate(KEY);
    let kms = client(&google, patience);
    (google, kms)
}

/// An error with all of its causes.
fn said(error: &KmsError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

#[test]
fn what_was_encrypted_opens_in_its_context_alone() {
    let (google, kms) = pair(ONCE);
    let encrypted = kms.encrypt(SECRET, b"here").unwrap();
    assert_eq!(encrypted.version, KeyVersion { number: "1".to_owned(), protection: ProtectionLevel::Software });
    assert_eq!(&**kms.decrypt(&encrypted.ciphertext, b"here").unwrap(), SECRET);
    for request in google.asked() {
        assert_eq!(request.method, "POST");
        assert!(request.target.starts_with(&format!("/v1/{KEY}:")), "{}", request.target);
        assert_eq!(wire::header(&request.headers, "authorization"), None, "no token is sent without TLS");
    }
    let mut flipped = encrypted.ciphertext.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for (ciphertext, context) in [(&encrypted.ciphertext, &b"there"[..]), (&flipped, b"here"), (&Vec::new(), b"here")] {
        let error = kms.decrypt(ciphertext, context).unwrap_err();
        assert!(matches!(error, KmsError::Mismatch { .. }), "{error}");
        assert!(said(&error).contains("was encrypted with another key or for another site"), "{error}");
    }
    // Another key of the same place does not open it either.
    let other = KEY.replace("site", "other");
    google.rotate(&other);
    let other = Kms::new(other.parse().unwrap(), Some(google.endpoint().parse().unwrap()), ONCE).unwrap();
    assert!(matches!(other.decrypt(&encrypted.ciphertext, b"here"), Err(KmsError::Mismatch { .. })));
}

#[test]
fn versions_open_what_they_encrypted_as_long_as_they_are_enabled() {
    let (google, kms) = pair(ONCE);
    let first = kms.encrypt(SECRET, b"here").unwrap();
    google.rotate(KEY);
    google.set_level("EXTERNAL_VPC");
    let second = kms.encrypt(SECRET, b"here").unwrap();
    assert_eq!(second.version, KeyVersion { number: "2".to_owned(), protection: ProtectionLevel::External });
    for encrypted in [&first, &second] {
        assert_eq!(&**kms.decrypt(&encrypted.ciphertext, b"here").unwrap(), SECRET);
    }
    for (state, remedy) in [
        ("DISABLED", "gcloud kms keys versions enable"),
        ("DESTROY_SCHEDULED", "gcloud kms keys versions restore"),
        ("DESTROYED", "recovery shares"),
        ("PENDING_GENERATION", "shows the state of its versions"),
    ] {
        google.set_state(KEY, 1, state);
        let error = kms.decrypt(&first.ciphertext, b"here").unwrap_err();
        assert!(matches!(error, KmsError::State { .. }), "{error}");
        let text = said(&error);
        assert!(text.contains(remedy) && text.contains(&format!("current state is: {state}")), "{text}");
        assert_eq!(google.asked().pop().unwrap().target, format!("/v1/{KEY}:decrypt"));
    }
    assert_eq!(&**kms.decrypt(&second.ciphertext, b"here").unwrap(), SECRET);
    google.set_state(KEY, 2, "DISABLED");
    assert!(matches!(kms.encrypt(SECRET, b"here"), Err(KmsError::State { .. })));
}

#[tokio::test]
async fn it_may_be_called_from_a_thread_of_a_runtime() {
    let (_google, kms) = pair(ONCE);
    let encrypted = kms.encrypt(SECRET, b"here").unwrap();
    assert_eq!(&**kms.decrypt(&encrypted.ciphertext, b"here").unwrap(), SECRET);
    drop(kms);
}
