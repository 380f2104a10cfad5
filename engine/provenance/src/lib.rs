//! Where a result came from: lineage of runs and objects.
//!
//! Every answer is worked out from the task records of the store, which are authenticated; nothing else is kept.

mod lineage;

pub use lineage::{Lineage, LineageError, LineageTask, Origin};
