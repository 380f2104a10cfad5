//! Checkpoints (C2SP tlog-checkpoint): which log, how many records, what root hash.

use crate::{Hash, NoteError, SignedNote, Signer, VerifierKey};

/// Why a checkpoint is none, or is not trusted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The note around it.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// What was signed is not a checkpoint.
    #[error("it is not a checkpoint: {0}")]
    Malformed(&'static str),
    /// It is about another log than the one that the key signs for.
    #[error("it is a checkpoint of the log `{0}`, not of the one that the key signs for")]
    OtherLog(String),
}

/// What a log amounts to at one time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// The log's name, which is also that of the key that signs it.
    pub origin: String,
    /// How many records it has.
    pub size: u64,
    /// The root hash of the Merkle tree over them.
    pub root: Hash,
    /// Further lines, which mean nothing to others.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        let size = self.size.to_string();
        let root = self.root.to_string();
        let lines = [&self.origin, &size, &root];
        lines.into_iter().chain(&self.extensions).fold(String::new(), |text, line| text + line + "\n")
    }

    /// Reads the text of a checkpoint, strictly.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let malformed = CheckpointError::Malformed;
        let text = text.strip_suffix('\n').ok_or(malformed("its last line does not end"))?;
        let mut lines = text.split('\n').map(str::to_owned);
        let origin = lines.next().filter(|line| !line.is_empty()).ok_or(malformed("it has no origin"))?;
        let size = lines.next().ok_or(malformed("it has no size"))?;
        let number: u64 = size.parse().map_err(|_| malformed("its size is not a number"))?;
        if number.to_string() != size {
            return Err(malformed("its size is not a number as it is to be written"));
        }
        let root = lines.next().ok_or(malformed("it has no root hash"))?;
        let root = root.parse().map_err(|_| malformed("its root hash is not 32 bytes in base64"))?;
        let extensions: Vec<_> = lines.collect();
        if extensions.iter().any(String::is_empty) {
            return Err(malformed("it has an empty line in it"));
        }
        Ok(Self { origin, size: number, root, extensions })
    }

    /// Signs it as a note; its origin must be the signer's name.
    ///
    /// # Errors
    /// If it is not, or the note would not be read as this checkpoint.
    pub fn sign(&self, signer: &Signer) -> Result<String, CheckpointError> {
        let text = self.text();
        if Self::parse(&text)? != *self {
            return Err(CheckpointError::Malformed("it has a line feed within a line"));
        }
        self.check_origin(signer.verifier())?;
        Ok(SignedNote::sign(&text, signer)?)
    }

    /// Reads a checkpoint that this key signed for the log of its name.
    ///
    /// # Errors
    /// If it is none, or another key signed it, or nobody.
    pub fn open(note: &[u8], key: &VerifierKey) -> Result<Self, CheckpointError> {
        let checkpoint = Self::parse(SignedNote::parse(note)?.verify(key)?)?;
        checkpoint.check_origin(key)?;
        Ok(checkpoint)
    }

    fn check_origin(&self, key: &VerifierKey) -> Result<(), CheckpointError> {
        if self.origin == key.name() { Ok(()) } else { Err(CheckpointError::OtherLog(self.origin.clone())) }
    }
}
