//! Tokens that may be used once.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;

use crate::TokenError;

/// How many tokens are remembered at most: some megabytes.
const MOST: usize = 100_000;

/// Remembers single-use tokens until they have expired. It holds no token, only digests. It is in memory: whoever
/// accepts single-use tokens in several processes must give each another audience.
#[derive(Default, Debug)]
pub struct ReplayGuard(Mutex<HashMap<[u8; 32], Timestamp>>);

impl ReplayGuard {
    /// Takes a token as used. To be called last, with a token that is good in every other respect, so that nobody else
    /// can fill the memory.
    ///
    /// `id` is `jti`, or else what was signed: the signature itself can be made anew over the same claims.
    /// `forget_at` is when the token is refused for its age anyway.
    pub fn admit(&self, issuer: &str, id: &str, forget_at: Timestamp, now: Timestamp) -> Result<(), TokenError> {
        let key = fingerprint(issuer, id);
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
fn fingerprint(issuer: &str, id: &str) -> [u8; 32] {
    let text = format!("{}:{issuer}{}:{id}", issuer.len(), id.len());
    let mut key = [0; 32];
    key.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    key
}
