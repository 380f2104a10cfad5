//! The GA4GH Crypt4GH container, version 1: sealing and opening, streaming and with random access.
//!
//! Source: GA4GH, "Crypt4GH file encryption standard", version 1.0. Knows nothing of sluis.

mod async_opener;
mod batch;
mod body;
mod crypto;
mod edit;
mod error;
mod file;
mod header;
pub mod key_file;
mod keys;
mod opener;
mod openssh;
mod packet;
mod passphrase;
mod pieces;
mod window;

pub use async_opener::AsyncBodyOpener;
pub use batch::{BATCH, End, Segments, open_body, seal_body};
pub use body::{BodySealer, NonceBase, SEALED_SEGMENT, SEGMENT, sealed_length};
pub use edit::{EditList, EditedReader};
pub use error::{BodyError, CryptoError, FileError, HeaderError, KeyFileError, PacketError};
pub use file::{open, open_range, rearrange, seal, seal_apart, sealed_range};
pub use header::{Header, OpenedHeader};
pub use key_file::SecretKeyError;
pub use keys::{DataKey, PublicKey, SecretKey};
pub use opener::{Binding, BodyOpener};
pub use packet::{HeaderPacket, PacketContent, PacketKey};
pub use pieces::{PIECE, PieceWriter};
