//! Why a key in Cloud KMS did not do what it was asked for, and what to do about it.

use std::io;

use sluis_bucket::{GoogleIdentityError, Lost};

use crate::KeyName;

/// What is wrong with an answer that says that all went well.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Oddity {
    /// It has not the form of such an answer.
    #[error("it has not the form that such an answer has")]
    Form,
    /// It has more bytes than such an answer has.
    #[error("it is longer than such an answer is")]
    Length,
    /// The server did not get what was sent.
    #[error("what was sent did not come through whole, by the server's checksums")]
    Request,
    /// What the server sent did not come through.
    #[error("it did not come through whole, by its checksum")]
    Answer,
    /// Another key was used than was asked for.
    #[error("it is of another key than was asked for")]
    OtherKey,
}

/// Why a key in Cloud KMS did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum KmsError {
    /// This machine lacks what it takes to ask.
    #[error("no client of Cloud KMS can be made")]
    Client(#[source] reqwest::Error),
    /// This machine has no more threads.
    #[error("no thread for a client of Cloud KMS can be made")]
    Thread(#[source] io::Error),
    /// The request was lost: a fault of this program.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// The request could not be written down: a fault of this program.
    #[error("the request to Cloud KMS cannot be written")]
    Request(#[source] serde_json::Error),
    /// This process is nobody to Google.
    #[error(transparent)]
    Identity(#[from] GoogleIdentityError),
    /// The server cannot be reached, does not answer in time, or ends before its answer is whole; the last of several tries.
    #[error(
        "{server} cannot be reached, or does not answer; see to it that this machine's network and firewall let https to it \
         through, and try again"
    )]
    Unreachable {
        /// The server.
        server: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The server is busy or failing; the last of several tries.
    #[error("{server} is busy or failing (status {status}{told}); try again later")]
    Busy {
        /// The server.
        server: String,
        /// The status code of HTTP.
        status: u16,
        /// What the server said.
        told: Told,
    },
    /// The answer was not good; the last of several tries.
    #[error(
        "{server} does not give a good answer: {oddity}; if it goes on so, see what stands between it and this machine"
    )]
    Answer {
        /// The server.
        server: String,
        /// What is wrong with it.
        oddity: Oddity,
    },
    /// The server sends on to another place, where nothing is asked.
    #[error("{0} sends on to another address, where no key is asked for; name the right server")]
    Redirected(String),
    /// The credentials do not count.
    #[error(
        "Google does not accept the credentials{0}; make new ones, such as by `gcloud auth application-default login`, and \
         look at the machine's clock"
    )]
    Credentials(Told),
    /// Whoever asks may not use the key.
    #[error(
        "Google does not permit the use of the key {key}, or it does not exist{told}; give the account that this process has \
         the role roles/cloudkms.cryptoKeyEncrypterDecrypter on this one key"
    )]
    Denied {
        /// The key.
        key: KeyName,
        /// What the server said.
        told: Told,
    },
    /// The project has no Cloud KMS.
    #[error(
        "the project of {key} does not use Cloud KMS{told}; enable it with `gcloud services enable cloudkms.googleapis.com`"
    )]
    Service {
        /// The key.
        key: KeyName,
        /// What the server said.
        told: Told,
    },
    /// There is no such key.
    #[error(
        "there is no key {key}{told}; look at its name with `gcloud kms keys list`, and at the server that is asked"
    )]
    NotFound {
        /// The key.
        key: KeyName,
        /// What the server said.
        told: Told,
    },
    /// The key's version cannot be used.
    #[error("the key {key} cannot be used as it is{told}; {remedy}")]
    State {
        /// The key.
        key: KeyName,
        /// What the server said.
        told: Told,
        /// What to do.
        remedy: &'static str,
    },
    /// What was given to be decrypted is not what this key encrypted in this context.
    #[error(
        "the key {key} does not decrypt this{told}: it was encrypted with another key or for another site, or was changed; put \
         the copy from your backup in its place"
    )]
    Mismatch {
        /// The key.
        key: KeyName,
        /// What the server said.
        told: Told,
    },
    /// The server refuses for another reason.
    #[error("Google refuses to use the key {key} (status {status}{told})")]
    Refused {
        /// The key.
        key: KeyName,
        /// The status code of HTTP.
        status: u16,
        /// What the server said.
        told: Told,
    },
}

impl KmsError {
    /// Whether it may be another answer in a moment.
    pub(crate) const fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Busy { .. } => true,
            Self::Answer { oddity, .. } => !matches!(oddity, Oddity::OtherKey | Oddity::Length),
            _ => false,
        }
    }
}

/// What a server said of why it does not do something, cut to one short line; nothing that was sent to it is in it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Told(pub(crate) String);

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}
