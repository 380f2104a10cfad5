//! A bucket of an object store as a backend of the store: Google Cloud Storage, or S3.
//!
//! What holds, beside the contract of [`sluis_store::Backend`]:
//! - **the bucket lies in the EU region that was named**, or nothing is read from it or written to it;
//! - what may go better the next time is tried again, for a limited time, with growing and random waits; what remains
//!   an error names the blob, the bucket and what the server said;
//! - an answer that is cut, of the wrong length or of another range than the one asked for is never taken for whole;
//! - large bodies are written and read in pieces of bounded size, several at a time.
//!
//! It may be called from any thread, also from one of a runtime.
//!
//! Clients of the clouds' other services share who this process is ([`GoogleIdentity`]), at which server ([`Endpoint`]), how
//! often ([`Patience`]) and on which threads ([`Worker`]).

mod blobs;
mod bucket;
mod config;
mod failure;
mod google;
mod listing;
mod patient;
mod reader;
mod service;
mod sweep;
mod upload;
mod whereabouts;
mod worker;

pub use bucket::{Bucket, Options};
pub use config::{BucketConfig, Endpoint, EndpointError, MismatchError, Place, PlaceError};
pub use google::{GoogleIdentity, GoogleIdentityError};
pub use patient::Patience;
pub use worker::{Lost, Worker};
