//! The tool images: defined from pinned Debian packages, built without any registry, bit for bit the same everywhere.
//!
//! An image needs only what every Debian has (apt and dpkg, no root) and a Docker daemon to load it into. Definitions
//! stand beside this crate's source, one folder each; `genomics` is the one the shipped workflows use, and the others
//! stand in for the well-known images that the CWL standard's tests name.

mod apt;
mod archive;
mod daemon;
mod definition;
mod demonstration;
mod digest;
mod error;
mod packages;
mod place;
mod program;
mod relock;
mod stand_in;
mod tree;

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

use sluis_model::{ImageId, ImageReference};

pub use demonstration::{DemonstrationData, demonstration_data};
pub use error::ContainersError;
pub use relock::relock;

use daemon::Daemon;
use definition::Definition;
use packages::Packages;
use tree::Tree;

/// What [`ensure_telling`] is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Download Debian packages (those that are not kept from before) and write the image's archive.
    Build,
    /// Hand the archive to the Docker daemon.
    Load,
}

/// Sees to it that the Docker daemon has the image `name`, and gives its identifier.
///
/// Returns at once if it has; otherwise loads the archive kept in the target folder, or builds it first. Tests and
/// processes may call this at the same time: one works, the others wait. Blocks; may be called anywhere, inside an
/// asynchronous runtime too.
///
/// # Errors
/// No definition of that name, packages that cannot be had, a build that differs from the lock, or no Docker daemon.
pub fn ensure(name: &str) -> Result<ImageId, ContainersError> {
    ensure_telling(name, &|_| ())
}

/// Does what [`ensure`] does, and tells of each stage before it begins; of none if the daemon has the image already.
///
/// # Errors
/// As [`ensure`].
pub fn ensure_telling(name: &str, tell: &(dyn Fn(Stage) + Sync)) -> Result<ImageId, ContainersError> {
    in_thread(name, || ensure_in_daemon(name, tell))
}

/// Sees to it that the archive of the image `name` is in the target folder, and gives its path: for who has no Docker
/// daemon. Builds it if it is not kept from before, and tells so before it begins. Blocks.
///
/// # Errors
/// As [`ensure`], but no daemon is needed.
pub fn archive(name: &str, tell: &dyn Fn(Stage)) -> Result<PathBuf, ContainersError> {
    let definition = Definition::find(name)?;
    let folder = place::folder()?;
    let _lock = place::lock(&folder, name)?;
    let kept = kept_archive(&folder, name, &definition.image()?);
    if !kept.is_file() {
        tell(Stage::Build);
        build_archive(&definition, &Packages::open(&folder)?, &kept)?;
    }
    Ok(kept)
}

/// Sees to it that the Docker daemon has some image under each name that `name` stands in for.
///
/// An image that the daemon has under such a name is left alone, whatever it is; where there is none, `name` is put in
/// its place, and built and loaded first if need be. Blocks, as [`ensure`] does.
///
/// # Errors
/// As [`ensure`]; a definition that is no stand-in is none for this purpose.
pub fn ensure_stand_in(name: &str) -> Result<(), ContainersError> {
    in_thread(name, || stand_in(name))
}

/// Drives a future in a thread of its own, for the caller's may already be driving a runtime.
fn in_thread<T: Send, F: Future<Output = Result<T, ContainersError>>>(
    name: &str,
    future: impl FnOnce() -> F + Send,
) -> Result<T, ContainersError> {
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(ContainersError::io("start the runtime for", name))?.block_on(future())
    };
    thread::scope(|scope| scope.spawn(work).join()).unwrap_or(Err(ContainersError::Stopped))
}

/// Builds the archive of the image `name` in the folder `into` (as `NAME.tar`), and gives the image's identifier.
///
/// # Errors
/// As [`ensure`], but no daemon is needed.
pub fn build(name: &str, into: &Path) -> Result<ImageId, ContainersError> {
    let definition = Definition::find(name)?;
    let packages = Packages::open(&place::folder()?)?;
    build_archive(&definition, &packages, &archive_path(into, name))
}

/// The reference by which workflows name the image `name`: its name with the tag, and its identifier.
///
/// # Errors
/// No definition of that name, or a damaged lock.
pub fn reference(name: &str) -> Result<ImageReference, ContainersError> {
    let definition = Definition::find(name)?;
    Ok(ImageReference { name: definition.lock()?.tag, id: Some(definition.image()?) })
}

async fn ensure_in_daemon(name: &str, tell: &(dyn Fn(Stage) + Sync)) -> Result<ImageId, ContainersError> {
    let definition = Definition::find(name)?;
    let (lock, image) = (definition.lock()?, definition.image()?);
    let daemon = Daemon::connect().await?;
    if daemon.has(&image, &lock.tag).await? {
        return Ok(image);
    }
    let folder = place::folder()?;
    let _lock = place::lock(&folder, name)?;
    if daemon.has(&image, &lock.tag).await? {
        return Ok(image);
    }
    let kept = kept_archive(&folder, name, &image);
    // A kept archive that was damaged since is no reason to stop: it is made anew.
    if kept.is_file() {
        tell(Stage::Load);
        if load(&daemon, &kept, &image, &lock.tag).await.unwrap_or(false) {
            return Ok(image);
        }
    }
    tell(Stage::Build);
    build_archive(&definition, &Packages::open(&folder)?, &kept)?;
    tell(Stage::Load);
    if load(&daemon, &kept, &image, &lock.tag).await? {
        return Ok(image);
    }
    Err(ContainersError::ForeignIdentifier { tag: lock.tag, id: image })
}

async fn stand_in(name: &str) -> Result<(), ContainersError> {
    let definition = Definition::find(name)?;
    let file = definition.folder.join("stand-in");
    let stand_in =
        definition.stand_in()?.ok_or(ContainersError::UnknownImage { name: name.to_owned(), folder: file })?;
    let daemon = Daemon::connect().await?;
    for known in &stand_in.names {
        if !daemon.has_name(known).await? {
            let image = ensure_in_daemon(name, &|_| ()).await?;
            daemon.name(&image, known).await?;
        }
    }
    Ok(())
}

/// Loads an archive and says whether the daemon has the image now.
async fn load(daemon: &Daemon, archive: &Path, image: &ImageId, tag: &str) -> Result<bool, ContainersError> {
    daemon.load(archive).await?;
    daemon.has(image, tag).await
}

fn build_archive(definition: &Definition, packages: &Packages, path: &Path) -> Result<ImageId, ContainersError> {
    let (lock, expected) = (definition.lock()?, definition.image()?);
    let stand_in = definition.stand_in()?;
    let found = archive::write(&tree_of(definition, packages)?, &lock, stand_in.as_ref(), path)?;
    if found == expected {
        return Ok(found);
    }
    fs::remove_file(path).map_err(ContainersError::io("remove", path))?;
    Err(ContainersError::Differs { name: definition.name.clone(), expected, found })
}

fn tree_of(definition: &Definition, packages: &Packages) -> Result<Tree, ContainersError> {
    let pinned = definition.packages()?;
    packages.fetch(&pinned)?;
    let mut tree = Tree::frame();
    if definition.stand_in()?.is_none() {
        tree.add_task_folders();
    }
    for package in &pinned {
        tree.add_package(&package.name, &packages.path(package))?;
    }
    Ok(tree)
}

/// Its name carries the identifier, so that an archive of another version is never taken for this one.
fn kept_archive(folder: &Path, name: &str, image: &ImageId) -> PathBuf {
    archive_path(folder, &format!("{name}-{}", image.as_str().trim_start_matches("sha256:")))
}

fn archive_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.tar"))
}
