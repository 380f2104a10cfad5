//! The policies that a site adds to those that ship: `policies/*.cedar` in its folder.

use std::{fs, io, path::Path};

use sluis_policy::PolicySet;

use crate::AccessError;

/// Where in the site's folder.
pub(crate) const FOLDER: &str = "policies";

/// The policies that ship with those in a folder, in the order of their names. A folder that is not there adds none.
pub(crate) fn read(folder: &Path) -> Result<PolicySet, AccessError> {
    let failed = |error| AccessError::file(folder, "read")(error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(PolicySet::shipped()?),
        Err(error) => return Err(failed(error)),
    };
    let mut texts = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "cedar") {
            let text = fs::read_to_string(&path).map_err(AccessError::file(&path, "read"))?;
            texts.push((entry.file_name().to_string_lossy().into_owned(), text));
        }
    }
    texts.sort();
    let texts: Vec<_> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    Ok(PolicySet::with_extensions(&texts)?)
}
