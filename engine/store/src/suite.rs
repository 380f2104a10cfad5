//! The suite that each backend must pass: what the store relies on, wherever its blobs lie.
//!
//! A backend's own tests say how to get at it ([`Subject`]) and take the whole suite by
//! [`backend_suite!`](crate::backend_suite).
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is test code, shared by crates")]

mod creating;
mod finding;
mod reading;
mod uploading;

pub use creating::{
    a_stage_has_many_blobs, blobs_come_back_as_they_were_put, of_many_creators_one_wins, outcomes_are_in_order,
    replacing_replaces_whole, what_is_there_stays,
};
pub use finding::{
    deleting_takes_away_what_is_there, freshening_makes_young_what_is_there, listings_are_whole_and_in_order,
    looking_tells_size_and_age, prefixes_may_end_within_a_part, two_handles_see_the_same,
};
pub use reading::{
    a_blob_can_be_read_by_many, an_open_blob_never_mixes_two_contents, empty_blobs_are_blobs, huge_blobs_are_whole,
    seeking_leads_anywhere, what_is_missing_is_none,
};
pub use uploading::{
    a_dropped_upload_leaves_nothing, a_small_upload_is_whole, an_upload_is_invisible_until_it_is_put,
    an_upload_keeps_what_is_there, uploads_run_side_by_side,
};

use std::{
    io::Write,
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::{
    Backend,
    backend::{Content, Mode, Name, NewBlob, Put},
};

/// How to get at the backend under test.
pub trait Subject: Sync {
    /// The backend.
    type Backend: Backend + 'static;

    /// A handle to a place that is empty when it is first asked for; to the same place each time.
    fn handle(&self) -> Self::Backend;

    /// Bytes of an upload that is too large to be written at once.
    fn large(&self) -> usize;
}

/// Makes a test of each behaviour that every backend has; `$subject` is an expression that gives a [`Subject`] with a
/// place of its own.
#[macro_export]
macro_rules! backend_suite {
    ($subject:expr) => {
        $crate::backend_suite!(@tests $subject,
            blobs_come_back_as_they_were_put, what_is_there_stays, replacing_replaces_whole, of_many_creators_one_wins,
            outcomes_are_in_order, a_stage_has_many_blobs, listings_are_whole_and_in_order,
            prefixes_may_end_within_a_part, looking_tells_size_and_age, freshening_makes_young_what_is_there,
            deleting_takes_away_what_is_there, two_handles_see_the_same, what_is_missing_is_none,
            empty_blobs_are_blobs, huge_blobs_are_whole, seeking_leads_anywhere, a_blob_can_be_read_by_many,
            an_open_blob_never_mixes_two_contents, an_upload_is_invisible_until_it_is_put, a_small_upload_is_whole,
            an_upload_keeps_what_is_there, a_dropped_upload_leaves_nothing, uploads_run_side_by_side,
        );
    };
    (@tests $subject:expr, $($name:ident),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                $crate::suite::$name(&$subject);
            }
        )+
    };
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// A name that no other test of this process has.
fn own_name() -> Name {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    name(&format!("bodies/{:02x}/{}", std::process::id() % 256, NEXT.fetch_add(1, Ordering::Relaxed)))
}

fn blob(name: &Name, bytes: &[u8], mode: Mode) -> NewBlob {
    NewBlob { name: name.clone(), content: Content::Bytes(bytes.to_vec()), mode }
}

fn put(backend: &dyn Backend, name: &Name, bytes: &[u8], mode: Mode) -> Put {
    backend.put(vec![vec![blob(name, bytes, mode)]]).unwrap()[0][0]
}

/// Bytes in which every place differs from its surroundings.
fn pattern(length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 64);
    let mut block = 0_u64;
    while bytes.len() < length {
        bytes.extend_from_slice(blake3::hash(&block.to_le_bytes()).as_bytes());
        block += 1;
    }
    bytes.truncate(length);
    bytes
}

/// Uploads bytes in odd pieces.
fn upload(backend: &dyn Backend, name: &Name, bytes: &[u8]) -> Put {
    let mut upload = backend.begin(name).unwrap();
    for piece in bytes.chunks(777_777) {
        upload.write_all(piece).unwrap();
    }
    let blob = NewBlob { name: name.clone(), content: Content::Upload(upload), mode: Mode::Create };
    backend.put(vec![vec![blob]]).unwrap()[0][0]
}

fn names(backend: &dyn Backend, prefix: &str) -> Vec<String> {
    backend.list(prefix).unwrap().map(|listed| listed.unwrap().name.to_string()).collect()
}
