//! A run as a page for people ([`page`]) and as a table for programs ([`Trace`]).
//!
//! Both are made from what the run's journal tells: names of steps, states and numbers. No value of the run's data can
//! be in them.

mod advice;
mod numbers;
mod page;
mod timeline;
mod trace;

pub use page::page;
pub use trace::{COLUMNS, Trace};
