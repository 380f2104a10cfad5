//! The index against plain computations over store, journals and audit log, whatever becomes of any of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod faults;
mod plain;
mod random;
mod world;
