//! Signed notes (C2SP signed-note): a text, an empty line, and signature lines.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{Signer, VerifierKey, key::is_key_name};

/// Longer notes are refused unread.
const MAX_LENGTH: usize = 1 << 20;
/// Notes with more signatures are refused.
const MAX_SIGNATURES: usize = 100;

/// Why a note is none, or is not trusted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoteError {
    /// The text is not a signed note.
    #[error("it is not a signed note: {0}")]
    Malformed(&'static str),
    /// Others signed it.
    #[error("it is signed by {found}, not by {wanted}: another site's, or the wrong key")]
    OtherKey {
        /// The key that was to have signed it: its name and key ID.
        wanted: String,
        /// Who signed it: names and key IDs.
        found: String,
    },
    /// It says that the key signed it, and that is not so.
    #[error("its signature by {0} is not genuine: what it says was changed")]
    Forged(String),
}

/// One signature of a note.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoteSignature {
    /// The name of the key.
    pub name: String,
    /// The key's ID.
    pub key_id: [u8; 4],
    /// What follows the ID; of an Ed25519 key, 64 bytes.
    pub bytes: Vec<u8>,
}

/// A signed note as it was read. Nothing is verified yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl SignedNote {
    /// Signs a text, which must end with a line feed; gives the note.
    ///
    /// # Errors
    /// If the text cannot be that of a note.
    pub fn sign(text: &str, signer: &Signer) -> Result<String, NoteError> {
        check_text(text)?;
        Ok(format!("{text}\n{}", signer.line(text)))
    }

    /// Takes a note apart, strictly.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(note: &[u8]) -> Result<Self, NoteError> {
        if note.len() > MAX_LENGTH {
            return Err(NoteError::Malformed("it is too long"));
        }
        let note = std::str::from_utf8(note).map_err(|_| NoteError::Malformed("it is not UTF-8"))?;
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::Malformed("no empty line ends its text"))?;
        let text = format!("{text}\n");
        check_text(&text)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Malformed("its last line does not end"))?;
        let signatures = lines.split('\n').map(parse_signature).collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(NoteError::Malformed("it has too many signatures"));
        }
        Ok(Self { text, signatures })
    }

    /// Its signatures.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// The text, if the key signed it. Signatures by others count for nothing.
    ///
    /// # Errors
    /// If it did not.
    pub fn verify(&self, key: &VerifierKey) -> Result<&str, NoteError> {
        let by_key = |signature: &&NoteSignature| signature.name == key.name() && signature.key_id == key.id();
        let Some(signature) = self.signatures.iter().find(by_key) else {
            let named = |name: &str, id: [u8; 4]| format!("`{name}` ({})", hex::encode(id));
            let found: Vec<_> = self.signatures.iter().map(|other| named(&other.name, other.key_id)).collect();
            return Err(NoteError::OtherKey { wanted: named(key.name(), key.id()), found: found.join(", ") });
        };
        UnparsedPublicKey::new(&ED25519, key.public())
            .verify(self.text.as_bytes(), &signature.bytes)
            .map_err(|_| NoteError::Forged(key.name().to_owned()))?;
        Ok(&self.text)
    }
}

fn check_text(text: &str) -> Result<(), NoteError> {
    if !text.ends_with('\n') {
        return Err(NoteError::Malformed("its text does not end with a line feed"));
    }
    if text.chars().any(|c| c < ' ' && c != '\n') {
        return Err(NoteError::Malformed("its text has a control character in it"));
    }
    Ok(())
}

fn parse_signature(line: &str) -> Result<NoteSignature, NoteError> {
    let parts = line.strip_prefix("— ").and_then(|rest| rest.split_once(' '));
    let (name, encoded) = parts.ok_or(NoteError::Malformed("a signature line does not read `— NAME SIGNATURE`"))?;
    if !is_key_name(name) {
        return Err(NoteError::Malformed("a signature line has no key's name"));
    }
    let bytes = STANDARD.decode(encoded).ok();
    let parts = bytes.as_deref().and_then(|bytes| bytes.split_first_chunk()).filter(|(_, bytes)| !bytes.is_empty());
    let (key_id, bytes) = parts.ok_or(NoteError::Malformed("a signature is not base64 of a key ID and a signature"))?;
    Ok(NoteSignature { name: name.to_owned(), key_id: *key_id, bytes: bytes.to_owned() })
}
