//! Going on in a new segment, and finding the current one.
//!
//! The steps, with the old segment's lock held: everything is signed; `log.jsonl` becomes `segments/FIRST.jsonl`; a new
//! `log.jsonl` is made; a checkpoint says that it is the current segment. Others who have the old file open notice that
//! it is not `log.jsonl` any more and look for the checkpoint. A process that was killed between any two of the steps
//! leaves a segment of which the checkpoint still says that it is the current one: who comes next does the rest.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    sync::Arc,
};

use sluis_journal::{Disk, Journal, Summary};
use sluis_transparency::Signer;

use super::{
    AuditError,
    checkpoint::{self, Head},
    segment,
};

/// Closes the current segment, which is locked and of which `head` is signed.
pub(super) fn roll_over(folder: &Path, head: &Head, signer: &Signer) -> io::Result<()> {
    let (log, segments) = (segment::current(folder), segment::closed_folder(folder));
    match DirBuilder::new().mode(0o700).create(&segments) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let file = OpenOptions::new().write(true).open(&log)?;
    // A torn line was never acknowledged.
    file.set_len(head.journal.length)?;
    file.sync_all()?;
    fs::rename(&log, segment::closed(folder, head.first))?;
    File::open(&segments)?.sync_all()?;
    finish(folder, head, signer)
}

/// Does what is left when the old segment has its name.
fn finish(folder: &Path, head: &Head, signer: &Signer) -> io::Result<()> {
    let log = segment::current(folder);
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&log)?.sync_all()?;
    File::open(folder)?.sync_all()?;
    let Summary { records, head: last, .. } = head.journal.clone();
    let begun = Head { root: head.root, first: records, journal: Summary { records, head: last, length: 0 } };
    checkpoint::write(folder, &begun, signer)
}

/// What the checkpoint says, once nobody is rolling the log over; `None` if there is none.
fn settled(folder: &Path, signer: &Signer) -> Result<Option<Head>, AuditError> {
    let Some(head) = checkpoint::read(folder, signer.verifier())? else { return Ok(None) };
    let closed = segment::closed(folder, head.first);
    if !closed.exists() {
        return Ok(Some(head));
    }
    // Who rolls the log over holds this until it is done.
    let old = File::open(&closed).map_err(AuditError::file(&closed, "opened"))?;
    old.lock().map_err(AuditError::file(&closed, "locked"))?;
    let Some(head) = checkpoint::read(folder, signer.verifier())? else { return Ok(None) };
    if segment::closed(folder, head.first) != closed {
        return Ok(Some(head));
    }
    finish(folder, &head, signer).map_err(AuditError::file(&segment::current(folder), "made"))?;
    checkpoint::read(folder, signer.verifier())
}

/// Opens the current segment; gives the number of its first record, too.
pub(super) fn open_current(folder: &Path, signer: &Signer, disk: &Arc<dyn Disk>) -> Result<(u64, Journal), AuditError> {
    let log = segment::current(folder);
    loop {
        let (first, known) = match settled(folder, signer)? {
            Some(head) => (head.first, head.journal),
            None if fs::metadata(&log).map_or(0, |facts| facts.len()) == 0 => (0, Summary::empty()),
            None if checkpoint::earlier(folder).exists() => {
                return Err(AuditError::Earlier(checkpoint::earlier(folder)));
            }
            // The first record is signed when a site is made.
            None => return Err(AuditError::NoCheckpoint(checkpoint::path(folder))),
        };
        let journal = Journal::open_on(&log, known, Arc::clone(disk))?;
        // Else the file may already be the one of the next segment.
        if !segment::closed(folder, first).exists() {
            return Ok((first, journal));
        }
    }
}
