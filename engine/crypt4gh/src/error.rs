//! What can be wrong with a Crypt4GH file, its header, its body or a key.

use std::io;

use crate::End;

/// The cryptographic library refused to work.
#[derive(Debug, thiserror::Error)]
pub enum CryptoError {
    /// No random bytes could be had from the system.
    #[error("the system gives no random bytes")]
    Random,
    /// A key agreement failed: the other side's public key is not a point that a key can be agreed with.
    #[error("no key can be agreed with this public key")]
    Agreement,
    /// A segment or packet could not be sealed.
    #[error("sealing failed")]
    Sealing,
}

/// Why a header packet gives no data key.
#[derive(Debug, thiserror::Error)]
pub enum PacketError {
    /// Its length is none that a packet can have.
    #[error("a header packet of {0} bytes is impossible")]
    Length(usize),
    /// Its encryption method is not X25519 with ChaCha20-Poly1305.
    #[error("header packet encryption method {0} is unknown; the standard has method 0")]
    Method(u32),
    /// It is sealed for another key, or damaged.
    #[error("the header packet is for another key, or damaged")]
    NotForThisKey,
    /// Its content is encrypted with an unknown method.
    #[error("data encryption method {0} is unknown; the standard has method 0")]
    DataMethod(u32),
    /// Its content is of an unknown type.
    #[error("header packet type {0} is unknown")]
    Type(u32),
    /// Its content is too short.
    #[error("the header packet's content is too short")]
    Content,
    /// The cryptographic library refused to work.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// Why a header cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// The file does not begin as a Crypt4GH file does.
    #[error("this is not a Crypt4GH file")]
    Magic,
    /// The file is of another version.
    #[error("Crypt4GH version {0} is unknown; version 1 is supported")]
    Version(u32),
    /// It claims more packets than any file has.
    #[error("the header claims {0} packets; at most {max} are accepted", max = crate::header::MOST_PACKETS)]
    Count(u32),
    /// A packet claims an impossible length.
    #[error("a header packet claims {0} bytes; between {min} and {max} are accepted", min = crate::packet::SHORTEST + 4, max = crate::packet::LONGEST)]
    PacketLength(u32),
    /// It ends early or cannot be read.
    #[error("the header cannot be read")]
    Io(#[from] io::Error),
    /// None of its packets gives a data key.
    #[error("no header packet is for this key")]
    NoDataKey,
    /// Several packets for this key hold edit lists ("Data edit list packet": there may be one).
    #[error("the header has several edit lists for this key; there may be one")]
    EditLists,
    /// A packet is for this key but cannot be used.
    #[error(transparent)]
    Packet(#[from] PacketError),
}

/// What is wrong with a body. Inside an [`io::Error`] when it comes out of a reader.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
pub enum BodyError {
    /// A segment is not what was sealed.
    #[error("segment {0} is damaged")]
    Damaged(u64),
    /// A segment stands where another was sealed.
    #[error("segment {0} is misplaced or from another file")]
    Misplaced(u64),
    /// The body ends early.
    #[error("the body ends early, in segment {0}")]
    Truncated(u64),
    /// There is more than was sealed.
    #[error("the body is longer than what was sealed")]
    TooLong,
}

impl BodyError {
    /// The same of a whole body, if it was found in a part of it that begins at this segment.
    #[must_use]
    pub const fn of_part(self, first: u64) -> Self {
        match self {
            Self::Damaged(segment) => Self::Damaged(first.saturating_add(segment)),
            Self::Misplaced(segment) => Self::Misplaced(first.saturating_add(segment)),
            Self::Truncated(segment) => Self::Truncated(first.saturating_add(segment)),
            Self::TooLong => Self::TooLong,
        }
    }
}

impl From<BodyError> for io::Error {
    fn from(error: BodyError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

/// Why a whole file cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The header.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// Reading or writing; damage of the body is inside as a [`BodyError`].
    #[error("reading or writing failed")]
    Io(#[from] io::Error),
    /// It shows only parts already.
    #[error("the file has an edit list already; take the parts from the whole file")]
    Edited,
    /// A header packet could not be made.
    #[error(transparent)]
    Packet(#[from] PacketError),
    /// The cryptographic library refused to work.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

impl From<End> for FileError {
    fn from(end: End) -> Self {
        match end {
            End::Read(error) | End::Write(error) => Self::Io(error),
            End::Body(error) => Self::Io(error.into()),
            End::Crypto(error) => Self::Crypto(error),
        }
    }
}

/// Why a key file cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyFileError {
    /// It lacks the lines that frame a key.
    #[error("expected a key between `-----BEGIN {0}-----` and `-----END {0}-----`")]
    Frame(&'static str),
    /// What is between them is not base64.
    #[error("the key is not valid base64")]
    Base64,
    /// The key has the wrong length.
    #[error("a key has 32 bytes, this has {0}")]
    Length(usize),
    /// It is not in the format of Crypt4GH keys.
    #[error("the key is not in the format `c4gh-v1`")]
    Format,
    /// It is protected with a passphrase.
    #[error("the key is protected with a passphrase ({0})")]
    Passphrase(String),
    /// The passphrase does not open it.
    #[error("the passphrase is wrong, or the key file is damaged")]
    WrongPassphrase,
    /// Its key derivation takes no or too many rounds.
    #[error("the key derivation has {rounds} rounds, from 1 to {most} are accepted")]
    Rounds {
        /// How many the file asks for.
        rounds: u32,
        /// How many are accepted.
        most: u32,
    },
    /// It is an OpenSSH key that cannot be used.
    #[error("the OpenSSH key cannot be used: {0}")]
    OpenSsh(String),
    /// Its key derivation is not one that the format has.
    #[error("the key derivation `{0}` is unknown; the format has scrypt, bcrypt and pbkdf2_hmac_sha256")]
    Derivation(String),
}
