//! Append-only record files: JSON Lines, numbered, checksummed, each line chained to the one before by its hash.
//!
//! A line is `{"seq":N,"prev":"P","hash":"H","body":B}`, exactly so, without spaces:
//!
//! - `N`: the record's number, from 0;
//! - `P`: the hash of the record before, 64 zeros in the first;
//! - `H`: the BLAKE3 hash, 64 hexadecimal digits, of the text `N`, a line feed, `P`, a line feed, `B`;
//! - `B`: the content as JSON, without line feeds.
//!
//! A last line without a line feed was torn by a crash or a full disk: it was never acknowledged, readers pass over it
//! and the next append cuts it off. Many threads and processes may append to one file: each append holds a lock on it
//! and first reads what others have added.

mod append;
mod disk;
mod error;
mod group;
mod line;
mod read;

pub use append::{Journal, Position};
pub use disk::{Disk, OsDisk};
pub use error::JournalError;
pub use read::{Record, Records, Summary};
