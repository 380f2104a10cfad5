//! Errors of Google's, and answers that nobody should take for good.

use std::net::TcpListener;

use serde_json::{Value as Json, json};
use sluis_kms::{Kms, KmsError, Oddity};

use crate::{
    KEY, ONCE, PATIENT, SECRET,
    google::{Fault, error},
    pair, said,
};

fn say(code: u16, status: &str, message: &str) -> Fault {
    Fault::Say(code, error(code, status, message, &json!([])))
}

fn service_disabled() -> Fault {
    let detail = json!({ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED" });
    Fault::Say(403, error(403, "PERMISSION_DENIED", "Cloud KMS API has not been used.", &json!([detail])))
}

/// Each is told with what to do, and asked once: it would be no other the next time.
#[test]
fn what_google_refuses_is_told_with_its_remedy_and_not_tried_again() {
    let (google, kms) = pair(PATIENT);
    let ciphertext = kms.encrypt(SECRET, b"here").unwrap().ciphertext;
    google.asked();
    let denied = "Permission 'cloudkms.cryptoKeyVersions.useToDecrypt' denied on resource (or it may not exist).";
    let unused = "Cloud Key Management Service (KMS) API has not been used in project 1 before or it is disabled.";
    for (fault, kind, says) in [
        (say(401, "UNAUTHENTICATED", "Request had invalid credentials."), "Credentials", "application-default login"),
        (say(403, "PERMISSION_DENIED", denied), "Denied", "roles/cloudkms.cryptoKeyEncrypterDecrypter"),
        (service_disabled(), "Service", "gcloud services enable cloudkms.googleapis.com"),
        (say(400, "FAILED_PRECONDITION", unused), "Service", "gcloud services enable"),
        (say(404, "NOT_FOUND", "CryptoKey not found."), "NotFound", "gcloud kms keys list"),
        (say(400, "OUT_OF_RANGE", "odd"), "Refused", "status 400: odd"),
        (Fault::Page(403), "Denied", "roles/"),
        (Fault::Page(404), "NotFound", "the server that is asked"),
        (
            Fault::Say(403, json!({ "error": { "details": [1, { "violations": 2, "reason": [] }] } })),
            "Denied",
            "roles/",
        ),
        (Fault::Say(418, json!([1])), "Refused", "status 418"),
    ] {
        google.next([fault.clone()]);
        let error = kms.decrypt(&ciphertext, b"here").unwrap_err();
        assert!(format!("{error:?}").starts_with(kind), "{fault:?}: {error:?}");
        assert!(said(&error).contains(says), "{fault:?}: {error}");
        assert_eq!(google.asked().len(), 1, "{fault:?}");
    }
    let unknown = KEY.replace("site", "none");
    let unknown = Kms::new(unknown.parse().unwrap(), Some(google.endpoint().parse().unwrap()), ONCE).unwrap();
    let error = unknown.encrypt(SECRET, b"here").unwrap_err();
    assert!(matches!(error, KmsError::NotFound { .. }) && said(&error).contains("cryptoKeys/none"), "{error}");
}

fn passing() -> Vec<Fault> {
    vec![
        say(503, "UNAVAILABLE", "The service is currently unavailable."),
        say(429, "RESOURCE_EXHAUSTED", "Quota exceeded."),
        say(500, "INTERNAL", "Internal error."),
        Fault::Page(502),
        Fault::CutBefore,
        Fault::CutBody,
        Fault::Page(200),
        Fault::Say(200, json!({})),
        Fault::Field("name", json!(1)),
        Fault::Field("ciphertext", json!("no base64!")),
        Fault::Field("ciphertextCrc32c", json!("1")),
        Fault::Field("ciphertextCrc32c", json!("99999999999")),
        Fault::Field("verifiedPlaintextCrc32c", json!(false)),
        Fault::Without("verifiedPlaintextCrc32c"),
        Fault::Without("verifiedAdditionalAuthenticatedDataCrc32c"),
        Fault::Without("ciphertextCrc32c"),
    ]
}

#[test]
fn what_may_pass_is_tried_again_until_it_has_passed() {
    let (google, kms) = pair(PATIENT);
    for fault in passing() {
        google.next([fault.clone(), fault.clone()]);
        let encrypted = kms.encrypt(SECRET, b"here").unwrap();
        assert_eq!(google.asked().len(), 3, "{fault:?}");
        assert_eq!(&**kms.decrypt(&encrypted.ciphertext, b"here").unwrap(), SECRET);
        google.asked();
    }
    let ciphertext = kms.encrypt(SECRET, b"here").unwrap().ciphertext;
    google.asked();
    let bad: [(&str, Json); 3] =
        [("plaintext", json!("AAAA")), ("plaintextCrc32c", json!("1")), ("plaintextCrc32c", Json::Null)];
    for (name, value) in bad {
        google.next([Fault::Field(name, value.clone())]);
        assert_eq!(&**kms.decrypt(&ciphertext, b"here").unwrap(), SECRET);
        assert_eq!(google.asked().len(), 2, "{name} {value}");
    }
}

#[test]
fn what_does_not_pass_is_told_as_it_was_at_last() {
    let (google, kms) = pair(ONCE);
    for fault in passing() {
        google.always(fault.clone());
        let text = said(&kms.encrypt(SECRET, b"here").unwrap_err());
        assert!(text.contains(&google.endpoint()), "{fault:?}: {text}");
        assert_eq!(google.asked().len(), 1, "{fault:?}");
    }
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://{nowhere}").parse().unwrap();
    let kms = Kms::new(KEY.parse().unwrap(), Some(endpoint), ONCE).unwrap();
    let error = kms.encrypt(SECRET, b"here").unwrap_err();
    assert!(matches!(error, KmsError::Unreachable { .. }), "{error:?}");
    assert!(said(&error).contains("firewall"), "{error}");
}

#[test]
fn an_answer_that_is_too_long_is_not_read() {
    let (google, kms) = pair(PATIENT);
    for fault in [Fault::Long(1 << 20), Fault::LongUnannounced(1 << 20)] {
        google.next([fault.clone()]);
        let error = kms.encrypt(SECRET, b"here").unwrap_err();
        assert!(matches!(error, KmsError::Answer { oddity: Oddity::Length, .. }), "{fault:?}: {error:?}");
    }
    google.next([Fault::Long(10_000), Fault::LongUnannounced(10_000)]);
    assert!(kms.encrypt(SECRET, b"here").is_ok() && kms.encrypt(SECRET, b"here").is_ok());
}

#[test]
fn an_answer_of_another_key_is_refused() {
    let (google, kms) = pair(PATIENT);
    for name in [format!("{}/cryptoKeyVersions/1", KEY.replace("europe-west3", "us-east1")), KEY.to_owned()] {
        google.next([Fault::Field("name", json!(name))]);
        let error = kms.encrypt(SECRET, b"here").unwrap_err();
        assert!(matches!(error, KmsError::Answer { oddity: Oddity::OtherKey, .. }), "{error:?}");
    }
}

#[test]
fn nobody_is_followed_elsewhere() {
    let ((google, kms), (other, _)) = (pair(PATIENT), pair(PATIENT));
    google.next([Fault::Redirect(other.endpoint())]);
    let error = kms.encrypt(SECRET, b"here").unwrap_err();
    assert!(matches!(error, KmsError::Redirected(_)), "{error:?}");
    assert!(other.asked().is_empty());
}

#[test]
fn no_error_repeats_what_was_sent() {
    let (google, kms) = pair(ONCE);
    for status in [400, 401, 403, 404, 429, 500] {
        google.next([Fault::Echo(status)]);
        let error = kms.encrypt(SECRET, b"here").unwrap_err();
        let sent = String::from_utf8(google.asked().pop().unwrap().body).unwrap();
        let sent: Json = serde_json::from_str(&sent).unwrap();
        let secret = sent["plaintext"].as_str().unwrap();
        let text = format!("{} {error:?} {kms:?}", said(&error));
        assert!(!text.contains(secret) && text.contains("its words are left out"), "{text}");
    }
    // Nor does an answer that is taken for good until the end.
    google.next([Fault::Field("plaintextCrc32c", json!("1"))]);
    let ciphertext = kms.encrypt(SECRET, b"here").unwrap().ciphertext;
    google.next([Fault::Field("plaintextCrc32c", json!("1"))]);
    let error = kms.decrypt(&ciphertext, b"here").unwrap_err();
    assert!(!format!("{error:?}").contains("dGhpcnR5"), "{error:?}");
}
