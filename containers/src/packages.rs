//! The `.deb` files: fetched once, kept by digest, checked before every use.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{ContainersError, apt::Apt, definition::PinnedPackage, digest::Sha256Digest};

/// A folder of `.deb` files, each named by the SHA-256 of its content.
pub(crate) struct Packages {
    folder: PathBuf,
}

impl Packages {
    /// Opens, and makes if needed, the folder `debs` in `parent`.
    pub fn open(parent: &Path) -> Result<Self, ContainersError> {
        let folder = parent.join("debs");
        fs::create_dir_all(&folder).map_err(ContainersError::io("make the folder", &folder))?;
        Ok(Self { folder })
    }

    /// Where a package's file is kept, whether it is there or not.
    pub fn path(&self, package: &PinnedPackage) -> PathBuf {
        self.folder.join(format!("{}.deb", package.sha256))
    }

    /// Sees to it that each package is there with the pinned content, and downloads what is not.
    pub fn fetch(&self, packages: &[PinnedPackage]) -> Result<(), ContainersError> {
        let mut wanted = Vec::new();
        for package in packages {
            if !self.is_sound(package)? {
                wanted.push(format!("{}={}", package.name, package.version));
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let apt = Apt::open(&self.folder, &[])?;
        let (downloads, mut lacking) = apt.download(&wanted)?;
        self.keep(&downloads)?;
        if lacking.is_empty() {
            for package in packages {
                if !self.is_sound(package)? {
                    lacking.push(format!("{}={} ({})", package.name, package.version, package.sha256));
                }
            }
        }
        if lacking.is_empty() {
            Ok(())
        } else {
            Err(ContainersError::MirrorLacks { packages: lacking, folder: self.folder.clone() })
        }
    }

    /// Moves downloaded files to their places, named by what is really in them.
    pub fn keep(&self, downloads: &Path) -> Result<Vec<(PathBuf, Sha256Digest)>, ContainersError> {
        let mut kept = Vec::new();
        for entry in fs::read_dir(downloads).map_err(ContainersError::io("read", downloads))? {
            let path = entry.map_err(ContainersError::io("read", downloads))?.path();
            let sha256 = Sha256Digest::of_file(&path).map_err(ContainersError::io("read", &path))?;
            let place = self.folder.join(format!("{sha256}.deb"));
            fs::rename(&path, &place).map_err(ContainersError::io("write", &place))?;
            kept.push((place, sha256));
        }
        Ok(kept)
    }

    fn is_sound(&self, package: &PinnedPackage) -> Result<bool, ContainersError> {
        let path = self.path(package);
        if !path.is_file() {
            return Ok(false);
        }
        let found = Sha256Digest::of_file(&path).map_err(ContainersError::io("read", &path))?;
        Ok(found == package.sha256)
    }
}
