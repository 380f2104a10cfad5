//! Tokens that may be used once.

mod folder;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;

use crate::TokenError;
use folder::UsedTokens;

/// How many tokens are remembered at most: some megabytes.
const MOST: usize = 100_000;

/// What stands for a token.
type Fingerprint = [u8; 32];

/// Remembers single-use tokens until they have expired. It holds no token, only digests.
#[derive(Debug)]
pub(crate) struct ReplayGuard(Memory);

#[derive(Debug)]
enum Memory {
    /// Of this process alone.
    Process(Mutex<HashMap<Fingerprint, Timestamp>>),
    /// Of all processes that share a folder.
    Folder(UsedTokens),
}

impl Default for ReplayGuard {
    fn default() -> Self {
        Self(Memory::Process(Mutex::default()))
    }
}

impl ReplayGuard {
    /// One that remembers what any process used that has the same folder.
    pub(crate) fn shared(folder: PathBuf) -> Self {
        Self(Memory::Folder(UsedTokens::at(folder)))
    }

    /// Takes a token as used. To be called last, with a token that is good in every other respect, so that nobody else
    /// can fill the memory.
    ///
    /// `id` is `jti`, or else what was signed: the signature itself can be made anew over the same claims.
    /// `forget_at` is when the token is refused for its age anyway.
    pub(crate) fn admit(&self, issuer: &str, id: &str, forget_at: Timestamp, now: Timestamp) -> Result<(), TokenError> {
        let key = fingerprint(issuer, id);
        let used = match &self.0 {
            Memory::Process(used) => used,
            Memory::Folder(used) => return used.admit(&key, forget_at, now),
        };
        let mut used = used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.get(&key).is_some_and(|until| *until > now) {
            return Err(TokenError::Replayed);
        }
        if used.len() >= MOST {
            used.retain(|_, until| *until > now);
        }
        if used.len() >= MOST {
            return Err(TokenError::Busy);
        }
        used.insert(key, forget_at);
        Ok(())
    }
}

/// The lengths are part of it, so that no two pairs are one text.
fn fingerprint(issuer: &str, id: &str) -> Fingerprint {
    let text = format!("{}:{issuer}{}:{id}", issuer.len(), id.len());
    let mut key = [0; 32];
    key.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    key
}
