//! A key in Cloud KMS, as it is used.

use std::{fmt, sync::Arc, time::Duration};

use sluis_bucket::{Endpoint, Patience, Worker};
use zeroize::Zeroizing;

use crate::{KeyName, KmsError, answer, exchange::Exchange, refusal::Method, request};

/// How long and how often Cloud KMS is asked while somebody waits for a command.
pub const PATIENCE: Patience = Patience {
    first_wait: Duration::from_millis(250),
    longest_wait: Duration::from_secs(5),
    tries_for: Duration::from_secs(30),
    one_try: Duration::from_secs(15),
};

/// Who holds a key and uses it: <https://cloud.google.com/kms/docs/protection-levels>.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProtectionLevel {
    /// Google, in software.
    Software,
    /// Google, in a hardware security module.
    Hardware,
    /// A key manager outside of Google.
    External,
    /// The server did not say so in a way that is known here.
    Unknown,
}

impl ProtectionLevel {
    pub(crate) fn of(text: &str) -> Self {
        match text {
            "SOFTWARE" => Self::Software,
            "HSM" | "HSM_SINGLE_TENANT" => Self::Hardware,
            "EXTERNAL" | "EXTERNAL_VPC" => Self::External,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for ProtectionLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Software => "software",
            Self::Hardware => "hardware",
            Self::External => "external",
            Self::Unknown => "unknown",
        })
    }
}

/// One version of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyVersion {
    /// Its number.
    pub number: String,
    /// Who holds it.
    pub protection: ProtectionLevel,
}

/// What a key encrypted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Encrypted {
    /// The ciphertext, which says by itself which version of the key it is for.
    pub ciphertext: Vec<u8>,
    /// That version.
    pub version: KeyVersion,
}

/// A key in Cloud KMS. Each use is one request, or a few if the server does not answer well.
pub struct Kms {
    exchange: Arc<Exchange>,
    worker: Worker,
}

impl Kms {
    /// The key, at the server of its region if there is no `endpoint`. Asks nobody yet.
    ///
    /// # Errors
    /// If there are no credentials, or the machine lacks something.
    pub fn new(key: KeyName, endpoint: Option<Endpoint>, patience: Patience) -> Result<Self, KmsError> {
        let worker = Worker::start("kms").map_err(KmsError::Thread)?;
        // The client is made on the worker: it may ask for credentials in the background.
        let exchange = worker.run(async move { Exchange::new(key, endpoint.as_ref(), patience) })??;
        Ok(Self { exchange: Arc::new(exchange), worker })
    }

    /// Encrypts a few bytes. They can be decrypted with the same context only.
    ///
    /// # Errors
    /// [`KmsError`], each with what to do.
    pub fn encrypt(&self, plaintext: &[u8], context: &[u8]) -> Result<Encrypted, KmsError> {
        let body = request::encrypt(plaintext, context).map_err(KmsError::Request)?;
        let exchange = Arc::clone(&self.exchange);
        self.worker.run(async move { exchange.ask(Method::Encrypt, &body, answer::encrypted).await })?
    }

    /// Decrypts what [`Kms::encrypt`] gave for the same context.
    ///
    /// # Errors
    /// [`KmsError`], each with what to do.
    pub fn decrypt(&self, ciphertext: &[u8], context: &[u8]) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        let body = request::decrypt(ciphertext, context).map_err(KmsError::Request)?;
        let exchange = Arc::clone(&self.exchange);
        self.worker.run(async move { exchange.ask(Method::Decrypt, &body, |text, _| answer::decrypted(text)).await })?
    }
}

impl fmt::Debug for Kms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, server) = (self.exchange.key(), self.exchange.server());
        f.debug_struct("Kms").field("key", key).field("server", &server).finish_non_exhaustive()
    }
}
