//! Encrypting and decrypting with a key in Google Cloud KMS (REST v1, `cryptoKeys.encrypt` and `cryptoKeys.decrypt`).
//!
//! What holds:
//! - **the key lies in one region of the EU**: a name of another place cannot be written down ([`KeyName`]), and the server
//!   that is asked is that region's own, if the site names no other;
//! - what is encrypted is bound to a context, without which it does not open;
//! - each way is checked by CRC32C, and an answer that is cut, too long or of another key is never taken for whole;
//! - what may go better the next time is tried again, for a limited time, with growing and random waits;
//! - no error and no `Debug` has a secret or a token in it, whatever the server answers.
//!
//! The crate knows nothing of what it encrypts. It may be called from any thread, also from one of a runtime.

mod answer;
mod client;
mod error;
mod exchange;
mod name;
mod refusal;
mod request;
mod server;

pub use client::{Encrypted, KeyVersion, Kms, PATIENCE, ProtectionLevel};
pub use error::{KmsError, Oddity, Told};
pub use name::{KeyName, KeyNameError};
