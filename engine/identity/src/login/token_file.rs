//! Tokens in files that only their owner can read.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::TokenSet;
use crate::{Person, Secret};

/// The version of the files.
const FORMAT: u32 = 1;
/// The largest file, in bytes.
const MAX_FILE: usize = 4 * crate::MAX_TOKEN;

/// Why tokens cannot be kept or had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenFileError {
    /// The file or folder cannot be used.
    #[error("{path} cannot be {doing}")]
    File {
        /// Which.
        path: PathBuf,
        /// What was to be done with it.
        doing: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Others could read or change it.
    #[error(
        "{path} is not yours alone (owner {owner}, mode {mode:o}); if nobody else used it, run `chmod {wanted}` on it, else remove it and log in again"
    )]
    Shared {
        /// Which.
        path: PathBuf,
        /// The number of its owner.
        owner: u32,
        /// Its mode.
        mode: u32,
        /// The mode that it must have.
        wanted: &'static str,
    },
    /// It is a link, a pipe or something else that is no file of this program.
    #[error("{0} is no file or folder of this program; remove it and log in again")]
    Kind(PathBuf),
    /// It cannot be read as what it must be.
    #[error("{0} holds no tokens that can be read; remove it and log in again")]
    Content(PathBuf),
}

/// A folder with the tokens of logins, one file for each issuer and client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenFolder(PathBuf);

/// What stands in a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: u32,
    issuer: String,
    subject: String,
    client_id: String,
    id_token: Secret,
    access_token: Secret,
    refresh_token: Option<Secret>,
    access_expires: Option<Timestamp>,
}

impl TokenFolder {
    /// The folder at a path. It is made when the first tokens are kept in it.
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Keeps tokens in place of older ones of the same issuer and client.
    ///
    /// # Errors
    /// If others may use the folder, or the file cannot be written.
    pub fn save(&self, tokens: &TokenSet) -> Result<(), TokenFileError> {
        let failed = |doing| failed(&self.0, doing);
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0).map_err(failed("made"))?;
        self.check_folder()?;
        let path = self.path(&tokens.person.issuer, &tokens.client_id);
        let bytes = Stored::from(tokens).bytes().map_err(|_| TokenFileError::Content(path.clone()))?;
        // Beside it and renamed, so that there is never half a file, and never one that others could open.
        let new = path.with_extension(format!("new-{}", std::process::id()));
        let written = write_new(&new, &bytes).and_then(|()| fs::rename(&new, &path));
        if written.is_err() {
            // It may not be there; the error that counts is the one of writing.
            let _ = fs::remove_file(&new);
        }
        written.map_err(self::failed(&path, "written"))?;
        File::open(&self.0).and_then(|folder| folder.sync_all()).map_err(failed("written"))
    }

    /// The tokens of an issuer and client, if there are any.
    ///
    /// # Errors
    /// If others may use the folder or the file, or it cannot be read.
    pub fn load(&self, issuer: &str, client_id: &str) -> Result<Option<TokenSet>, TokenFileError> {
        let path = self.path(issuer, client_id);
        let no_follow = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mut options = OpenOptions::new();
        let opened = options.read(true).custom_flags(no_follow.bits().cast_signed()).open(&path);
        let file = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
                return Err(TokenFileError::Kind(path));
            }
            opened => opened.map_err(failed(&path, "read"))?,
        };
        self.check_folder()?;
        let facts = file.metadata().map_err(failed(&path, "read"))?;
        if !facts.is_file() {
            return Err(TokenFileError::Kind(path));
        }
        check_private(&path, &facts, "600")?;
        let stored = Stored::read(&file, &path)?;
        if stored.format != FORMAT || stored.issuer != issuer || stored.client_id != client_id {
            return Err(TokenFileError::Content(path));
        }
        Ok(Some(stored.into()))
    }

    /// Removes the tokens of an issuer and client; nothing happens if there are none.
    ///
    /// # Errors
    /// If the file cannot be removed.
    pub fn remove(&self, issuer: &str, client_id: &str) -> Result<(), TokenFileError> {
        let path = self.path(issuer, client_id);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(failed(&path, "removed")),
        }
    }

    fn check_folder(&self) -> Result<(), TokenFileError> {
        let facts = fs::symlink_metadata(&self.0).map_err(failed(&self.0, "read"))?;
        if !facts.is_dir() {
            return Err(TokenFileError::Kind(self.0.clone()));
        }
        check_private(&self.0, &facts, "700")
    }

    /// A name that says nothing of the issuer and cannot be a path.
    fn path(&self, issuer: &str, client_id: &str) -> PathBuf {
        let text = format!("{}:{issuer}{client_id}", issuer.len());
        self.0.join(format!("{}.json", hex::encode(digest(&SHA256, text.as_bytes()))))
    }
}

fn failed(path: &Path, doing: &'static str) -> impl Fn(io::Error) -> TokenFileError + use<> {
    let path = path.to_owned();
    move |source| TokenFileError::File { path: path.clone(), doing, source }
}

fn check_private(path: &Path, facts: &Metadata, wanted: &'static str) -> Result<(), TokenFileError> {
    let (owner, mode) = (facts.uid(), facts.mode() & 0o7777);
    if owner != rustix::process::geteuid().as_raw() || mode & 0o077 != 0 {
        return Err(TokenFileError::Shared { path: path.to_owned(), owner, mode, wanted });
    }
    Ok(())
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

impl Stored {
    fn read(file: &File, path: &Path) -> Result<Self, TokenFileError> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_FILE + 1));
        file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes).map_err(failed(path, "read"))?;
        if bytes.len() > MAX_FILE {
            return Err(TokenFileError::Content(path.to_owned()));
        }
        serde_json::from_slice(&bytes).map_err(|_| TokenFileError::Content(path.to_owned()))
    }

    /// Room for all of it at once, so that growing leaves no copies of tokens behind.
    fn bytes(&self) -> serde_json::Result<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_FILE));
        serde_json::to_writer(&mut *bytes, self)?;
        Ok(bytes)
    }
}

impl From<&TokenSet> for Stored {
    fn from(tokens: &TokenSet) -> Self {
        Self {
            format: FORMAT,
            issuer: tokens.person.issuer.clone(),
            subject: tokens.person.subject.clone(),
            client_id: tokens.client_id.clone(),
            id_token: tokens.id_token.clone(),
            access_token: tokens.access_token.clone(),
            refresh_token: tokens.refresh_token.clone(),
            access_expires: tokens.access_expires,
        }
    }
}

impl From<Stored> for TokenSet {
    fn from(stored: Stored) -> Self {
        Self {
            person: Person { issuer: stored.issuer, subject: stored.subject },
            client_id: stored.client_id,
            id_token: stored.id_token,
            access_token: stored.access_token,
            refresh_token: stored.refresh_token,
            access_expires: stored.access_expires,
        }
    }
}
