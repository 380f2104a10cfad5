//! Small files of the site that only the site can have written, each under an identifier of its own: requests to export,
//! delegations.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    AccessError, Site,
    authenticated::{self, Kind},
};

/// A folder of such files in the site's.
pub(crate) struct Notes<'a> {
    site: &'a Site,
    folder: PathBuf,
    kind: Kind,
}

impl Site {
    pub(crate) fn notes(&self, folder: &str, kind: Kind) -> Notes<'_> {
        Notes { site: self, folder: self.dir().join(folder), kind }
    }
}

impl Notes<'_> {
    /// The file of an identifier; none for what cannot be one.
    pub(crate) fn path(&self, id: &str) -> Option<PathBuf> {
        let is_id = id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        is_id.then(|| self.folder.join(id))
    }

    /// The identifiers of all.
    pub(crate) fn ids(&self) -> Result<Vec<String>, AccessError> {
        let failed = |error| AccessError::file(&self.folder, "read")(error);
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            ids.extend(name.to_str().filter(|name| self.path(name).is_some()).map(str::to_owned));
        }
        Ok(ids)
    }

    /// What a file says, if the site wrote it; `None` if it was changed.
    pub(crate) fn read<T: DeserializeOwned>(&self, path: &Path, id: &str) -> io::Result<Option<T>> {
        Ok(authenticated::read(self.site.keys(), self.kind, id, &fs::read(path)?))
    }

    /// Writes a file, or writes it anew; it is on the disk when this returns.
    pub(crate) fn write(&self, id: &str, content: &impl Serialize) -> Result<(), AccessError> {
        let text = authenticated::write(self.site.keys(), self.kind, id, content);
        let text = text.map_err(|error| AccessError::Plaintext(error.into()))?;
        let write = || {
            fs::create_dir_all(&self.folder)?;
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(&text)?;
            file.as_file().sync_all()?;
            file.persist(self.folder.join(id)).map_err(|error| error.error)?;
            self.flush()
        };
        write().map_err(AccessError::file(&self.folder, "written"))
    }

    /// Removes a file.
    pub(crate) fn remove(&self, path: &Path) -> Result<(), AccessError> {
        fs::remove_file(path).and_then(|()| self.flush()).map_err(AccessError::file(path, "removed"))
    }

    fn flush(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }
}

/// An identifier that nothing had before.
pub(crate) fn new_id() -> Result<String, AccessError> {
    let mut bytes = [0; 6];
    getrandom::fill(&mut bytes).map_err(|_| sluis_crypt4gh::CryptoError::Random)?;
    Ok(hex::encode(bytes))
}
