//! Used tokens in a folder, for all processes of a site: a file for each token, named by its digest, that says when the
//! token is refused for its age anyway.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
};

use jiff::Timestamp;
use tempfile::NamedTempFile;

use super::{Fingerprint, MOST};
use crate::TokenError;

/// The folder.
#[derive(Debug)]
pub(super) struct UsedTokens(PathBuf);

impl UsedTokens {
    pub(super) fn at(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Takes a token as used, on the disk when this returns.
    pub(super) fn admit(&self, key: &Fingerprint, forget_at: Timestamp, now: Timestamp) -> Result<(), TokenError> {
        let unknown = |source| TokenError::Unremembered { folder: self.0.clone(), source };
        // Alone, so that of two who show one token at once only one is first.
        let _alone = self.lock().map_err(unknown)?;
        let path = self.0.join(hex::encode(key));
        // Expired ones are forgotten first: a token of that age is refused before it comes here.
        let remembered = self.forget(now).map_err(unknown)?;
        if path.try_exists().map_err(unknown)? {
            return Err(TokenError::Replayed);
        }
        if remembered >= MOST {
            return Err(TokenError::Busy);
        }
        let keep = || {
            let mut file = NamedTempFile::new_in(&self.0)?;
            writeln!(file, "{}", forget_at.as_second())?;
            file.as_file().sync_all()?;
            file.persist_noclobber(&path).map_err(|error| error.error)?;
            File::open(&self.0)?.sync_all()
        };
        keep().map_err(unknown)
    }

    fn lock(&self) -> io::Result<File> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        let folder = File::open(&self.0)?;
        folder.lock()?;
        Ok(folder)
    }

    /// Forgets the tokens that have expired, and what a process left behind that was killed here; says how many are left.
    fn forget(&self, now: Timestamp) -> io::Result<usize> {
        let mut left = 0;
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            let is_token = path.file_name().is_some_and(|name| name.len() == 2 * size_of::<Fingerprint>());
            if is_token && until(&fs::read_to_string(&path)?)? > now.as_second() {
                left += 1;
            } else {
                fs::remove_file(&path)?;
            }
        }
        Ok(left)
    }
}

/// What a file says, in seconds.
fn until(text: &str) -> io::Result<i64> {
    text.trim_end().parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a file in it is damaged"))
}
