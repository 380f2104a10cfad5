//! Unpacking layers on top of each other (OCI image specification 1.1, Image Layer Filesystem Changeset).
//!
//! A layer is not trusted: every name is resolved as if the image were the root of the machine, so that neither `..` nor
//! a link of an earlier entry leads out of it. Files get the plain modes 755 and 644 by whether they can be executed:
//! with that, special rights are gone and everybody may read. Owners are not kept, devices and pipes are left out.

use std::{
    collections::HashSet,
    fs::{self, File, FileTimes, OpenOptions, Permissions},
    io::{self, Read},
    os::{
        fd::AsRawFd,
        unix::fs::{OpenOptionsExt, PermissionsExt, symlink},
    },
    path::{Component, Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use tar::{Entry, EntryType};

/// What takes away a name of the layers below, and what takes away everything in its folder.
const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";
/// How many folders a name may stand in.
const DEEPEST: usize = 256;

/// Where and why a layer could not be unpacked.
type Problem = (PathBuf, io::Error);

/// The files of an image in the making. Nobody else may change them meanwhile.
pub(super) struct Tree<'r> {
    root: &'r Path,
    /// What the layer at hand has put there: not taken away by its own whiteouts.
    fresh: HashSet<PathBuf>,
}

impl<'r> Tree<'r> {
    /// In an empty folder.
    pub fn new(root: &'r Path) -> Self {
        Self { root, fresh: HashSet::new() }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        self.root
    }

    /// Unpacks a layer on top of what is there.
    pub fn add_layer(&mut self, layer: impl Read) -> Result<(), Problem> {
        let at_start = |error| (PathBuf::from("/"), error);
        self.fresh.clear();
        let mut archive = tar::Archive::new(layer);
        for entry in archive.entries().map_err(at_start)? {
            let mut entry = entry.map_err(at_start)?;
            let path = entry.path().map_err(at_start)?.into_owned();
            self.add(&path, &mut entry).map_err(|error| (path, error))?;
        }
        Ok(())
    }

    /// Makes a folder, and those above it, where there are none; a link that leads to none is replaced.
    pub fn make_folder(&mut self, path: &Path) -> io::Result<()> {
        let Some((parent, name)) = self.place(path)? else { return Ok(()) };
        let place = parent.join(name);
        if fs::symlink_metadata(&place).is_ok_and(|facts| facts.is_dir()) {
            return Ok(());
        }
        remove(&place)?;
        make_folder(&place)
    }

    /// Puts a file in place of whatever is there.
    pub fn make_file(&mut self, path: &Path, text: &str) -> io::Result<()> {
        let Some((parent, name)) = self.place(path)? else { return Ok(()) };
        let place = parent.join(name);
        remove(&place)?;
        fs::write(&place, text)?;
        fs::set_permissions(&place, Permissions::from_mode(0o644))
    }

    fn add(&mut self, path: &Path, entry: &mut Entry<'_, impl Read>) -> io::Result<()> {
        // The root itself is there already.
        let Some((parent, name)) = self.place(path)? else { return Ok(()) };
        let text = name.to_string_lossy().into_owned();
        if text == OPAQUE {
            return self.clear(&parent);
        }
        if let Some(gone) = text.strip_prefix(WHITEOUT) {
            if gone.is_empty() || gone.contains('/') || gone == "." || gone == ".." {
                return Err(io::Error::other("a whiteout of nothing"));
            }
            let place = parent.join(gone);
            return if self.fresh.contains(&place) { Ok(()) } else { remove(&place) };
        }
        let place = parent.join(name);
        let made = self.put(&place, entry)?;
        if made {
            self.fresh.insert(place);
        }
        Ok(())
    }

    /// Puts an entry in place of what is there; whether it is of a kind that is kept.
    fn put(&self, place: &Path, entry: &mut Entry<'_, impl Read>) -> io::Result<bool> {
        let is_folder = fs::symlink_metadata(place).is_ok_and(|facts| facts.is_dir());
        match entry.header().entry_type() {
            EntryType::Directory if is_folder => {}
            EntryType::Directory => {
                remove(place)?;
                make_folder(place)?;
            }
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                remove(place)?;
                write(place, entry)?;
            }
            EntryType::Symlink => {
                remove(place)?;
                symlink(target_of(entry)?, place)?;
            }
            EntryType::Link => {
                let target = target_of(entry)?;
                let found = self.place(&target)?.map(|(parent, name)| parent.join(name));
                let found = found.filter(|found| fs::symlink_metadata(found).is_ok_and(|facts| !facts.is_dir()));
                let found = found.ok_or_else(|| io::Error::other(format!("a link to `{}`", target.display())))?;
                if found != place {
                    remove(place)?;
                    fs::hard_link(found, place)?;
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Removes from a folder what the layers below have put there.
    fn clear(&self, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if !self.fresh.iter().any(|fresh| fresh.starts_with(&path)) {
                remove(&path)?;
            } else if fs::symlink_metadata(&path)?.is_dir() {
                self.clear(&path)?;
            }
        }
        Ok(())
    }

    /// The real folder in which a name of the image stands, made if it is not there, and the name; `None` for the root.
    fn place(&self, path: &Path) -> io::Result<Option<(PathBuf, std::ffi::OsString)>> {
        let mut names = Vec::new();
        for component in path.components() {
            match component {
                Component::RootDir | Component::CurDir => {}
                Component::Normal(name) => names.push(name.to_owned()),
                _ => return Err(io::Error::other("it leads out of the image by `..`")),
            }
        }
        if names.len() > DEEPEST {
            return Err(io::Error::other("it stands in too many folders"));
        }
        let Some(name) = names.pop() else { return Ok(None) };
        let mut folder = self.root.to_owned();
        for name in names {
            folder = self.enter(&folder, &name)?;
        }
        Ok(Some((folder, name)))
    }

    /// The real folder behind a name in a real folder; made if there is none, in place of a file.
    fn enter(&self, folder: &Path, name: &std::ffi::OsStr) -> io::Result<PathBuf> {
        let place = folder.join(name);
        match fs::symlink_metadata(&place) {
            Ok(facts) if facts.is_dir() => Ok(place),
            Ok(facts) if facts.is_symlink() => self.follow(&place),
            _ => {
                remove(&place)?;
                make_folder(&place)?;
                Ok(place)
            }
        }
    }

    /// The real folder behind a link, as if the image were the root of the machine.
    fn follow(&self, link: &Path) -> io::Result<PathBuf> {
        let inside = link.strip_prefix(self.root).map_err(io::Error::other)?;
        let root = File::open(self.root)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let found = openat2(&root, inside, flags, Mode::empty(), ResolveFlags::IN_ROOT)?;
        let real = |fd: i32| fs::read_link(format!("/proc/self/fd/{fd}"));
        let (real_root, found) = (real(root.as_raw_fd())?, real(found.as_raw_fd())?);
        Ok(self.root.join(found.strip_prefix(real_root).map_err(io::Error::other)?))
    }
}

fn target_of(entry: &Entry<'_, impl Read>) -> io::Result<PathBuf> {
    let target = entry.link_name()?.ok_or_else(|| io::Error::other("a link without a target"))?;
    Ok(target.into_owned())
}

/// Writes a file that is not there.
fn write(place: &Path, entry: &mut Entry<'_, impl Read>) -> io::Result<()> {
    let mode = if entry.header().mode()? & 0o111 == 0 { 0o644 } else { 0o755 };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(place)?;
    io::copy(entry, &mut file)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    // Some tools compare the times of what belongs together, as Python does with its compiled modules.
    let time = UNIX_EPOCH + Duration::from_secs(entry.header().mtime().unwrap_or(0).min(u32::MAX.into()));
    file.set_times(FileTimes::new().set_modified(time).set_accessed(time))
}

fn make_folder(place: &Path) -> io::Result<()> {
    fs::create_dir(place)?;
    fs::set_permissions(place, Permissions::from_mode(0o755))
}

/// Removes what is there, a folder with everything in it; no link is followed.
fn remove(place: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(place) {
        Ok(facts) if facts.is_dir() => fs::remove_dir_all(place),
        Ok(_) => fs::remove_file(place),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
