//! Content-addressed sealed objects and the task cache, over a local directory or an object store.
//!
//! The store keeps bytes and gives them back; it never sees a data key. `docs/store-layout.md` lays the format down.
//! An object is there when its record is, and its record comes last, after everything else of it is durable.

pub mod backend;
mod changes;
mod erasure;
mod error;
mod inventory;
mod layout;
mod listing;
mod new_object;
mod object;
mod packets;
mod pins;
mod removal;
mod store;
#[cfg(feature = "suite")]
pub mod suite;

pub use backend::{Backend, Listed, directory::Directory};
pub use changes::{Stamped, stamp_of};
pub use erasure::Labelled;
pub use error::StoreError;
pub use inventory::{Inventory, Leftover, Remnant, StoredParts};
pub use layout::{BodyId, NotABody};
pub use new_object::{Commit, NewObject, ObjectParts};
pub use object::StoredObject;
pub use pins::Pinned;
pub use removal::Settled;
pub use store::{Store, Unreadable};
