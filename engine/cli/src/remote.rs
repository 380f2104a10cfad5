//! Documents on the web, from the hosts that the site's policy names.

use std::{
    cell::OnceCell,
    error::Error,
    io::Read,
    path::{Path, PathBuf},
};

use sluis_access::Site;
use sluis_cwl::RemoteDocuments;
use sluis_remote::RemoteFiles;

use crate::site;

/// The longest document that is read, in bytes; that of local ones.
const LONGEST: u64 = 16 << 20;

/// Reads documents from the hosts that a site names.
pub struct Documents {
    folder: PathBuf,
    /// Opened when a document refers to the web for the first time.
    files: OnceCell<Result<RemoteFiles, String>>,
}

impl Documents {
    /// From the hosts that the policy of the site in a folder names; from nowhere if there is none.
    pub fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), files: OnceCell::new() }
    }

    fn files(&self) -> Result<&RemoteFiles, String> {
        let opened = self.files.get_or_init(|| match Site::exists(&self.folder) {
            true => {
                let site = site::unlocked(&self.folder).map_err(|failure| failure.text())?;
                Ok(RemoteFiles::on(site.config().remote_hosts.clone()))
            }
            false => Ok(RemoteFiles::on(Vec::new())),
        });
        opened.as_ref().map_err(Clone::clone)
    }
}

impl RemoteDocuments for Documents {
    fn text(&self, address: &str) -> Result<String, String> {
        let reader = self.files()?.open_short(address).map_err(|error| match error.source() {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        })?;
        let mut text = String::new();
        reader.take(LONGEST + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
        if text.len() as u64 > LONGEST {
            return Err(format!("it has more than {LONGEST} bytes"));
        }
        Ok(text)
    }
}
