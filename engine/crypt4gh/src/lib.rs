//! The GA4GH Crypt4GH container, version 1: sealing and opening, streaming and with random access.
//!
//! Source: GA4GH, "Crypt4GH file encryption standard", version 1.0. Knows nothing of sluis.

mod body;
mod crypto;
mod error;
mod file;
mod header;
pub mod key_file;
mod keys;
mod opener;
mod packet;

pub use body::{BodySealer, NonceBase, SEALED_SEGMENT, SEGMENT, sealed_length};
pub use error::{BodyError, CryptoError, FileError, HeaderError, KeyFileError, PacketError};
pub use file::{open, seal};
pub use header::Header;
pub use key_file::SecretKeyError;
pub use keys::{DataKey, PublicKey, SecretKey};
pub use opener::{Binding, BodyOpener};
pub use packet::HeaderPacket;
