//! Walking through all objects and task entries.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sluis_model::{Address, TaskKey};

use crate::{Store, StoreError};

impl Store {
    /// The addresses of all objects, in order.
    ///
    /// # Errors
    /// If the folder of objects cannot be read; a folder within it is an error of the iterator.
    pub fn addresses(&self) -> Result<impl Iterator<Item = Result<Address, StoreError>>, StoreError> {
        Ok(names(&self.root.join("objects"))?
            .filter_map(|name| name.map(|hex| Address::from_hex(&hex).ok()).transpose()))
    }

    /// The keys of all task entries, in order.
    ///
    /// # Errors
    /// As [`Store::addresses`].
    pub fn task_keys(&self) -> Result<impl Iterator<Item = Result<TaskKey, StoreError>>, StoreError> {
        Ok(names(&self.root.join("tasks"))?.filter_map(|name| name.map(|hex| TaskKey::from_hex(&hex).ok()).transpose()))
    }

    /// The one object whose address begins with `prefix`, which begins with `b3:`.
    ///
    /// # Errors
    /// If there is none or more than one.
    pub fn resolve(&self, prefix: &str) -> Result<Address, StoreError> {
        let unknown = || StoreError::Unknown(prefix.to_owned());
        let digits = prefix.strip_prefix(Address::PREFIX).filter(|digits| !digits.is_empty()).ok_or_else(unknown)?;
        let mut found = None;
        for address in self.addresses()? {
            let address = address?;
            if address.hex().starts_with(digits) && found.replace(address).is_some() {
                return Err(StoreError::Ambiguous(prefix.to_owned()));
            }
        }
        found.ok_or_else(unknown)
    }
}

/// The names below a folder of folders, each joined with its folder's name.
fn names(root: &Path) -> Result<impl Iterator<Item = Result<String, StoreError>> + use<>, StoreError> {
    Ok(entries(root)?.into_iter().flat_map(|folder| {
        let start = file_name(&folder);
        match entries(&folder) {
            Ok(paths) => paths.into_iter().map(|path| Ok(format!("{start}{}", file_name(&path)))).collect(),
            Err(error) => vec![Err(error)],
        }
    }))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let read = || -> io::Result<Vec<PathBuf>> { fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect() };
    let mut paths = read().map_err(StoreError::io(folder, "read"))?;
    paths.sort();
    Ok(paths)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
