//! Errors that name the blob, the bucket and what the server said.

use std::error::Error;

use sluis_store::{StoreError, backend::Name};

use crate::Place;

/// What is wrong with an answer, or with the bucket.
#[derive(Debug, thiserror::Error)]
pub enum Oddity {
    #[error("the bucket is not there any more, or may not be seen: {0}")]
    Vanished(#[source] object_store::Error),
    #[error("the server said that it has {told} bytes, but they were to be {expected}")]
    Length { told: u64, expected: u64 },
    #[error("the server gave {given} bytes where {asked} were asked for")]
    Cut { given: u64, asked: u64 },
    #[error("it was replaced or taken away while it was read")]
    Changed,
    #[error("the listing is not in the order of the names: `{after}` comes after `{before}`")]
    Disorder { before: String, after: String },
    #[error("another writer put it and took it away again, each time")]
    Restless,
    #[error("an upload cannot replace a blob")]
    Replacing,
    #[error("{0}")]
    Told(String),
}

/// For `map_err`: an error about a blob.
pub fn about<E: Error + Send + Sync + 'static>(
    place: &Place,
    name: &Name,
    doing: &'static str,
) -> impl Fn(E) -> StoreError + use<E> {
    let name = format!("{place}/{name}");
    move |error| StoreError::Remote { name: name.clone(), doing, source: Box::new(error) }
}

/// For `map_err`: an error about the bucket.
pub fn about_bucket<E: Error + Send + Sync + 'static>(
    place: &Place,
    doing: &'static str,
) -> impl Fn(E) -> StoreError + use<E> {
    let name = place.to_string();
    move |error| StoreError::Remote { name: name.clone(), doing, source: Box::new(error) }
}
