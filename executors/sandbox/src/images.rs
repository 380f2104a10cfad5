//! Images, unpacked once each and kept by their content.
//!
//! ```text
//! FOLDER/
//!   lock                    held while an image is unpacked or removed
//!   sha256/DIGEST/          one image, by the digest of its configuration: the identifier that Docker tells, too
//!     config.json           the configuration; locked as long as commands run in the image
//!     bytes                 how much its files take
//!     rootfs/               its files: readable for everybody, nobody's special rights, no devices
//!   names/NAME              the identifier that stands under a name
//!   new-…/                  an image that is being unpacked or removed
//! ```
//!
//! An image appears under its digest when all of it is there and every digest was verified. It is then only read:
//! commands see it mounted read-only. Whoever can write to the folder could change what tools do, so only its owner may.

mod archive;
mod configuration;
mod error;
mod layer;
mod names;
mod registry;
mod unpack;

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::{
        fd::OwnedFd,
        unix::fs::{DirBuilderExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use sluis_model::ImageId;

pub use error::ImageError;

use archive::Archive;
use configuration::Configuration;

/// A folder of images.
#[derive(Clone, Debug)]
pub struct Images {
    folder: PathBuf,
}

/// An image that commands can run in.
#[derive(Debug)]
pub struct Image {
    /// The folder with its files.
    pub(crate) files: PathBuf,
    /// The variables that it sets.
    pub(crate) environment: Vec<(String, String)>,
    /// What the command is handed to.
    pub(crate) entrypoint: Vec<String>,
    /// Where it wants volumes.
    pub(crate) volumes: Vec<String>,
    configuration: PathBuf,
    _lock: File,
}

impl Image {
    /// A lock of its own for a command: as long as it is open, anywhere, the image is not removed. What is open is the
    /// image's configuration, to be read.
    pub(crate) fn lock(&self) -> io::Result<OwnedFd> {
        let file = File::open(&self.configuration)?;
        file.lock_shared()?;
        Ok(file.into())
    }
}

/// An image as it is listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Its identifier.
    pub id: ImageId,
    /// The names under which it stands, in full and sorted.
    pub names: Vec<String>,
    /// How much its files take, in bytes.
    pub bytes: u64,
}

impl Images {
    /// The images in a folder, which is made when the first is put there.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Loads every image of an archive, as `docker save` or other tools of the OCI write it, or of such a layout in a
    /// folder. What is there already is only named. Blocks.
    ///
    /// # Errors
    /// A file that is no such archive, content that does not have the digest it should have, or a layer that would write
    /// outside of the image.
    pub fn load(&self, source: &Path) -> Result<Vec<Listed>, ImageError> {
        let archive = Archive::open(source)?;
        let mut loaded = Vec::new();
        for described in archive.images()? {
            let configuration = archive.read(&described.configuration)?;
            let layer = |number: usize| archive.layer(&described, number);
            let id = unpack::image(self, &configuration, described.layers.len(), layer)?;
            for name in &described.names {
                self.name(name, &id)?;
            }
            loaded.push(id);
        }
        let all = self.list()?;
        Ok(all.into_iter().filter(|image| loaded.contains(&image.id)).collect())
    }

    /// Fetches an image from the registry that its name names, and gives its identifier.
    ///
    /// # Errors
    /// A registry that cannot be reached or has no such image, or as [`Images::load`].
    pub async fn pull(&self, name: &str) -> Result<ImageId, ImageError> {
        registry::pull(self, name).await
    }

    /// The image that stands under a name, or has this identifier.
    ///
    /// # Errors
    /// A name that is none, or a folder that cannot be read.
    pub fn find(&self, name: &str) -> Result<Option<ImageId>, ImageError> {
        let id = match name.parse() {
            Ok(id) => Some(id),
            Err(_) => names::read(&self.names_folder(), &names::full(name)?)?,
        };
        Ok(id.filter(|id| self.configuration_of(id).is_file()))
    }

    /// Every image, by its identifier.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn list(&self) -> Result<Vec<Listed>, ImageError> {
        let names = names::all(&self.names_folder())?;
        let folder = self.folder.join("sha256");
        let mut images = Vec::new();
        for digest in names::entries(&folder)? {
            let Ok(id) = format!("sha256:{digest}").parse::<ImageId>() else { continue };
            let own = names.iter().filter(|(_, named)| *named == id).map(|(name, _)| name.clone()).collect();
            let bytes = fs::read_to_string(folder.join(&digest).join("bytes")).unwrap_or_default();
            images.push(Listed { id, names: own, bytes: bytes.trim().parse().unwrap_or(0) });
        }
        images.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(images)
    }

    /// Removes a name, and the image with its last name; or an image with all its names, by its identifier. Gives the
    /// image's identifier and whether it was removed. Blocks.
    ///
    /// # Errors
    /// No such image, or one in which commands run.
    pub fn remove(&self, name: &str) -> Result<(ImageId, bool), ImageError> {
        let id = self.find(name)?.ok_or_else(|| ImageError::Unknown { name: name.to_owned() })?;
        let _lock = self.lock()?;
        let by_id = name.parse::<ImageId>().is_ok();
        let own: Vec<_> = names::all(&self.names_folder())?.into_iter().filter(|(_, named)| *named == id).collect();
        if !by_id && own.len() > 1 {
            names::remove(&self.names_folder(), &names::full(name)?)?;
            return Ok((id, false));
        }
        let image = self.folder_of(&id);
        let used = File::open(self.configuration_of(&id)).map_err(ImageError::file(&image, "opened"))?;
        used.try_lock().map_err(|_| ImageError::InUse { name: name.to_owned() })?;
        for (name, _) in &own {
            names::remove(&self.names_folder(), name)?;
        }
        // Out of sight first: nobody opens half of it.
        let trash = self.new_folder()?;
        fs::rename(&image, trash.path().join("image")).map_err(ImageError::file(&image, "removed"))?;
        trash.close().map_err(ImageError::file(&image, "removed"))?;
        Ok((id, true))
    }

    /// Opens an image for commands; `None` if it is not there.
    pub(crate) fn open_image(&self, id: &ImageId) -> Result<Option<Image>, ImageError> {
        let path = self.configuration_of(id);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(ImageError::file(&path, "opened"))?,
        };
        file.lock_shared().map_err(ImageError::file(&path, "locked"))?;
        // It may have been removed before the lock was there.
        let is_same = |facts: fs::Metadata| file.metadata().is_ok_and(|own| own.ino() == facts.ino());
        if !fs::metadata(&path).is_ok_and(is_same) {
            return Ok(None);
        }
        let text = fs::read(&path).map_err(ImageError::file(&path, "read"))?;
        let Configuration { environment, entrypoint, volumes, .. } = Configuration::read(&text)?;
        let files = self.folder_of(id).join("rootfs");
        Ok(Some(Image { files, environment, entrypoint, volumes, configuration: path, _lock: file }))
    }

    fn name(&self, name: &str, id: &ImageId) -> Result<(), ImageError> {
        names::write(&self.names_folder(), &names::full(name)?, id)
    }

    fn folder_of(&self, id: &ImageId) -> PathBuf {
        self.folder.join("sha256").join(id.as_str().trim_start_matches("sha256:"))
    }

    fn configuration_of(&self, id: &ImageId) -> PathBuf {
        self.folder_of(id).join("config.json")
    }

    fn names_folder(&self) -> PathBuf {
        self.folder.join("names")
    }

    /// Makes the folder if it is not there, and waits until nobody else changes it.
    fn lock(&self) -> Result<File, ImageError> {
        let failed = || ImageError::file(&self.folder, "made");
        if let Some(parent) = self.folder.parent() {
            fs::create_dir_all(parent).map_err(failed())?;
        }
        for folder in [&self.folder, &self.folder.join("sha256"), &self.names_folder()] {
            match DirBuilder::new().mode(0o700).create(folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed()(error)),
                _ => {}
            }
        }
        let facts = fs::metadata(&self.folder).map_err(ImageError::file(&self.folder, "looked at"))?;
        if facts.uid() != rustix::process::geteuid().as_raw() || facts.mode() & 0o022 != 0 {
            return Err(ImageError::Foreign { folder: self.folder.clone() });
        }
        let path = self.folder.join("lock");
        let lock = File::options().write(true).create(true).truncate(false).open(&path);
        let lock = lock.map_err(ImageError::file(&path, "opened"))?;
        lock.lock().map_err(ImageError::file(&path, "locked"))?;
        Ok(lock)
    }

    /// A file without a name in the folder.
    fn scratch_file(&self) -> Result<File, ImageError> {
        drop(self.lock()?);
        tempfile::tempfile_in(&self.folder).map_err(ImageError::file(&self.folder, "written"))
    }

    /// A folder for what is not finished. It is removed when it is dropped; what was left by a process that was killed
    /// is removed by whoever holds the lock next.
    fn new_folder(&self) -> Result<tempfile::TempDir, ImageError> {
        for entry in names::entries(&self.folder)? {
            if entry.starts_with("new-") {
                let path = self.folder.join(entry);
                fs::remove_dir_all(&path).map_err(ImageError::file(&path, "removed"))?;
            }
        }
        let made = tempfile::Builder::new().prefix("new-").tempdir_in(&self.folder);
        made.map_err(ImageError::file(&self.folder, "written"))
    }
}
