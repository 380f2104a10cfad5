//! Where a result came from: lineage of runs and objects.
//!
//! Every answer is worked out from the task records of the store, which are authenticated; the index says which to read.

mod lineage;

pub use lineage::{Lineage, LineageError, LineageTask, Origin};
