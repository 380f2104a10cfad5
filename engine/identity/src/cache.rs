//! What was fetched, kept for a while, and fetched anew only as often as is good for whoever serves it.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

use crate::{FetchError, WebAddress};

/// How long what was fetched is good. After that it must be fetched again, or nothing is verified with it: a key that
/// its owner withdrew is refused after this time at the latest.
const GOOD_FOR: SignedDuration = SignedDuration::from_secs(3600);

/// The shortest time between two fetches of one address, whoever asks for what and however the first one ended.
const PAUSE: SignedDuration = SignedDuration::from_secs(60);

/// How many key sets may still be fetched for one request; what is in the cache does not count.
#[derive(Debug)]
pub struct FetchBudget(pub usize);

/// Why there is nothing.
#[derive(Debug)]
pub enum Unavailable {
    Failed(Arc<FetchError>),
    BudgetSpent,
}

/// Whether what is in the cache will do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// What is still good.
    Good,
    /// Something newer, if there was a pause since the last fetch; else what is still good.
    Newer,
}

/// What was fetched, by address. Addresses come from the configuration alone, so there are few.
pub struct Cache<T>(Mutex<HashMap<WebAddress, Slot<T>>>);

/// Whoever holds a slot fetches; others wait for the outcome.
type Slot<T> = Arc<tokio::sync::Mutex<Entry<T>>>;

struct Entry<T> {
    value: Option<(Arc<T>, Timestamp)>,
    attempt: Option<(Timestamp, Option<Arc<FetchError>>)>,
}

impl<T> Cache<T> {
    pub fn new() -> Self {
        Self(Mutex::default())
    }

    /// What is at an address, from the cache or by `fetch`.
    pub async fn get<F: Future<Output = Result<T, FetchError>>>(
        &self,
        address: &WebAddress,
        wanted: Wanted,
        now: Timestamp,
        budget: &mut FetchBudget,
        fetch: impl FnOnce() -> F,
    ) -> Result<Arc<T>, Unavailable> {
        let slot = self.slot(address);
        let mut entry = slot.lock().await;
        let good = entry.good(now);
        match (&good, wanted) {
            (Some(value), Wanted::Good) => return Ok(Arc::clone(value)),
            (Some(value), Wanted::Newer) if !entry.may_fetch(now) => return Ok(Arc::clone(value)),
            (None, _) => entry.check_pause(now)?,
            (Some(_), Wanted::Newer) => {}
        }
        budget.0 = budget.0.checked_sub(1).ok_or(Unavailable::BudgetSpent)?;
        entry.attempt = Some((now, None));
        match fetch().await {
            Ok(value) => {
                let value = Arc::new(value);
                entry.value = Some((Arc::clone(&value), now));
                Ok(value)
            }
            Err(error) => {
                let error = Arc::new(error);
                entry.attempt = Some((now, Some(Arc::clone(&error))));
                good.ok_or(Unavailable::Failed(error))
            }
        }
    }

    fn slot(&self, address: &WebAddress) -> Slot<T> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let empty = || Arc::new(tokio::sync::Mutex::new(Entry { value: None, attempt: None }));
        Arc::clone(slots.entry(address.clone()).or_insert_with(empty))
    }
}

impl<T> Entry<T> {
    fn good(&self, now: Timestamp) -> Option<Arc<T>> {
        let (value, fetched) = self.value.as_ref()?;
        // A clock that was set back makes it neither good for ever nor forbidden to fetch.
        (now.duration_since(*fetched).abs() < GOOD_FOR).then(|| Arc::clone(value))
    }

    fn may_fetch(&self, now: Timestamp) -> bool {
        self.attempt.as_ref().is_none_or(|(at, _)| now.duration_since(*at).abs() >= PAUSE)
    }

    /// Gives the last failure again instead of asking a failing server at once.
    fn check_pause(&self, now: Timestamp) -> Result<(), Unavailable> {
        match &self.attempt {
            Some((_, Some(error))) if !self.may_fetch(now) => Err(Unavailable::Failed(Arc::clone(error))),
            _ => Ok(()),
        }
    }
}

impl<T> std::fmt::Debug for Cache<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cache")
    }
}
