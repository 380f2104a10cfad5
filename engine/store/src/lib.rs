//! Content-addressed sealed objects and the task cache over a local directory.
//!
//! The store keeps bytes and gives them back; it never sees a data key. `docs/store-layout.md` lays the format down.
//! An object appears whole, by one rename, after everything in it is on the disk; what a killed writer left is in a
//! folder of its own and is swept away.

mod durable;
mod error;
mod listing;
mod new_object;
mod object;
mod store;

pub use error::StoreError;
pub use new_object::{Commit, NewObject, ObjectParts};
pub use object::StoredObject;
pub use store::Store;
