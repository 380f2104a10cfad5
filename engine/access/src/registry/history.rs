//! Every state of the registry that was ever in force, so that an auditor can see by what was decided.
//!
//! `registry-history/DIGEST/` has the files of one state, and `registry-history/last` the digest of the newest.
//! `registry-history/refused` is the digest of the last state that was not valid and of which the audit log was told.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use super::{FILES, FileText, Registry};
use crate::AccessError;

/// Where in the site's folder.
pub(super) const FOLDER: &str = "registry-history";

/// The file that names the newest state.
const LAST: &str = "last";

/// The file that names the last state that was refused.
const REFUSED: &str = "refused";

/// Keeps a state that is valid, and notes that it is the newest.
pub(super) fn keep(history: &Path, digest: &str, files: &[FileText]) -> Result<(), AccessError> {
    let failed = |error| AccessError::file(history, "written")(error);
    if last_digest(history).is_some_and(|last| last == digest) {
        return Ok(());
    }
    fs::create_dir_all(history).map_err(failed)?;
    let state = history.join(digest);
    if !state.exists() {
        let new = tempfile::Builder::new().prefix("new-").tempdir_in(history).map_err(failed)?;
        for file in files {
            write(&new.path().join(file.name), file.text.as_bytes()).map_err(failed)?;
        }
        File::open(new.path()).and_then(|folder| folder.sync_all()).map_err(failed)?;
        match fs::rename(new.path(), &state) {
            Ok(()) => drop(new.keep()),
            // Another process kept it just now.
            Err(_) if state.exists() => {}
            Err(error) => return Err(failed(error)),
        }
    }
    name(history, LAST, digest)
}

/// The digest of the newest state.
pub(super) fn last_digest(history: &Path) -> Option<String> {
    fs::read_to_string(history.join(LAST)).ok().map(|digest| digest.trim().to_owned())
}

/// The digest of the last state that was refused and noted.
pub(super) fn last_refused(history: &Path) -> Option<String> {
    fs::read_to_string(history.join(REFUSED)).ok().map(|digest| digest.trim().to_owned())
}

/// Keeps it.
pub(super) fn keep_refused(history: &Path, digest: &str) -> Result<(), AccessError> {
    name(history, REFUSED, digest)
}

/// Writes a digest to a file of the history, in the place of what it had.
fn name(history: &Path, file: &str, digest: &str) -> Result<(), AccessError> {
    let failed = |error| AccessError::file(history, "written")(error);
    let mut new = tempfile::NamedTempFile::new_in(history).map_err(failed)?;
    let named = writeln!(new, "{digest}").and_then(|()| new.as_file().sync_all());
    named.and_then(|()| new.persist(history.join(file)).map_err(|error| error.error)).map_err(failed)?;
    File::open(history).and_then(|folder| folder.sync_all()).map_err(failed)
}

/// Keeps an earlier state with one file in another text as the newest one. `None` if the two are no valid state.
pub(super) fn keep_with(
    history: &Path,
    earlier: &str,
    name: &'static str,
    text: &str,
) -> Result<Option<Registry>, AccessError> {
    let failed = |error| AccessError::file(history, "written")(error);
    let folder = tempfile::Builder::new().prefix("new-").tempdir_in(history).map_err(failed)?;
    for file in FILES.into_iter().filter(|file| *file != name) {
        let from = history.join(earlier).join(file);
        if from.exists() {
            fs::copy(from, folder.path().join(file)).map_err(failed)?;
        }
    }
    write(&folder.path().join(name), text.as_bytes()).map_err(failed)?;
    let Ok((registry, files)) = Registry::read(folder.path()) else { return Ok(None) };
    keep(history, &registry.digest, &files)?;
    Ok(Some(registry))
}

/// The newest state that was valid; none if there never was one, or if its files are not those of its digest.
pub(super) fn last(history: &Path) -> Result<Option<Registry>, AccessError> {
    let digest = match fs::read_to_string(history.join(LAST)) {
        Ok(digest) => digest,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(AccessError::file(&history.join(LAST), "read")(error)),
    };
    Ok(state(history, digest.trim()))
}

/// The state of a digest; none if it was not kept, or if its files are not those of its digest.
pub(super) fn state(history: &Path, digest: &str) -> Option<Registry> {
    let is_digest = digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit());
    let read = is_digest.then(|| Registry::read(&history.join(digest)).ok()).flatten();
    read.map(|(registry, _)| registry).filter(|registry| registry.digest == digest)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
