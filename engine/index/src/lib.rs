//! The index of a site: answers fast which objects derive from one, which tasks are behind one, which runs used a
//! dataset, and what the newest result of a workflow is.
//!
//! The task records of the store, the runs' journals and the audit log are the truth; the index is an SQLite file
//! beside them, `index.sqlite`, which can be deleted at any time. Each question first takes in what is new. A file that
//! is damaged or of another version is built anew; where it cannot be used at all, an index is built in memory for the
//! one question. `docs/index.md` says what is in it and how it is kept right.

mod database;
mod error;
mod file;
mod index;
mod position;
mod questions;
mod runs;
mod schema;
mod tasks;
mod uses;

pub use error::IndexError;
pub use index::Index;
pub use questions::{Behind, Derived, MadeAs, RunFacts, UsingRun};
