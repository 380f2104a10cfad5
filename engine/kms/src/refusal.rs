//! What an answer says that is not good: Google's errors (`google.rpc.Status` in JSON), and what else may come.

use serde::Deserialize;
use serde_json::Value as Json;

use crate::{KeyName, KmsError, error::Told};

/// As much as is told of what a server said, in characters.
const LONGEST: usize = 300;

#[derive(Deserialize, Default)]
struct Answer {
    #[serde(default)]
    error: Status,
}

#[derive(Deserialize, Default)]
struct Status {
    #[serde(default)]
    status: String,
    #[serde(default)]
    message: String,
    /// Of several kinds, each with fields of its own.
    #[serde(default)]
    details: Vec<Json>,
}

/// What a request asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    Encrypt,
    Decrypt,
}

impl Method {
    /// Its name in the interface.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Encrypt => "encrypt",
            Self::Decrypt => "decrypt",
        }
    }
}

/// The error that an answer is. What of its words repeats one of the secrets is not told.
pub fn read(status: u16, body: &[u8], server: &str, key: &KeyName, method: Method, secrets: &[&str]) -> KmsError {
    // What is no JSON, such as a page of a proxy's, is told by its status alone.
    let Answer { error } = serde_json::from_slice(body).unwrap_or_default();
    let (key, told, server) = (key.clone(), told(&error.message, secrets), server.to_owned());
    match (status, &*error.status) {
        (408 | 429 | 500.., _) => KmsError::Busy { server, status, told },
        (300..400, _) => KmsError::Redirected(server),
        (401, _) => KmsError::Credentials(told),
        (400 | 403, _) if has_no_service(&error) => KmsError::Service { key, told },
        (403, _) => KmsError::Denied { key, told },
        (404, _) => KmsError::NotFound { key, told },
        (400, "FAILED_PRECONDITION") => KmsError::State { key, told, remedy: remedy(&error) },
        (400, "INVALID_ARGUMENT") if method == Method::Decrypt => KmsError::Mismatch { key, told },
        _ => KmsError::Refused { key, status, told },
    }
}

fn told(message: &str, secrets: &[&str]) -> Told {
    if secrets.iter().any(|secret| !secret.is_empty() && message.contains(secret)) {
        return Told("its words are left out, since they repeat what it was sent".to_owned());
    }
    let words = message.split_whitespace().collect::<Vec<_>>().join(" ");
    Told(words.chars().filter(|character| !character.is_control()).take(LONGEST).collect())
}

/// Texts of the details, by the name of their field.
fn details<'a>(error: &'a Status, list: &'a str, field: &'a str) -> impl Iterator<Item = &'a str> {
    let listed = error.details.iter().filter_map(move |detail| detail.get(list)?.as_array()).flatten();
    listed.chain(&error.details).filter_map(move |detail| detail.get(field)?.as_str())
}

/// Google says so with one status or another, and an `ErrorInfo`.
fn has_no_service(error: &Status) -> bool {
    details(error, "", "reason").any(|reason| reason == "SERVICE_DISABLED")
        || error.message.contains("has not been used in")
}

/// What to do about the state of a key: `google.rpc.PreconditionFailure`, or the words.
fn remedy(error: &Status) -> &'static str {
    let says = |state: &str| {
        error.message.contains(state) || details(error, "violations", "type").any(|kind| kind.contains(state))
    };
    if says("DESTROY_SCHEDULED") {
        "take its destruction back with `gcloud kms keys versions restore` and then `gcloud kms keys versions enable`"
    } else if says("DESTROYED") {
        "nobody can decrypt with that version any more: restore the site's key from its recovery shares or from a copy that \
         is kept in another way"
    } else if says("DISABLED") {
        "enable its version again with `gcloud kms keys versions enable`"
    } else {
        "`gcloud kms keys versions list` shows the state of its versions; if the key is an external one, see to its key manager"
    }
}
