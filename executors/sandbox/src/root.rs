//! A command's root: the image's files, read-only, with places to mount at.
//!
//! Images hold the places at which every command gets something mounted; they are made when an image is unpacked. A
//! place that an image does not have, such as a tool's own output folder, is made by opening the nearest folder above
//! it: a file system in memory takes the folder's place, and everything in it is mounted there again.

use std::{
    collections::BTreeSet,
    fs, io,
    os::fd::AsRawFd,
    path::{Component, Path, PathBuf},
};

use rustix::fs::{Mode, OFlags, ResolveFlags, open, openat2};

use crate::bubblewrap::Arguments;

/// The most entries of a folder that is opened: `bwrap` takes 9000 arguments, and each entry costs a mount.
const MOST_ENTRIES: usize = 1000;

/// The paths at which something is mounted, as they really are in the image, and the folders to be opened for them.
pub(crate) struct Root<'i> {
    files: &'i Path,
    opened: BTreeSet<PathBuf>,
}

impl<'i> Root<'i> {
    /// The root of an image whose files are in this folder.
    pub fn of(files: &'i Path) -> Self {
        Self { files, opened: BTreeSet::new() }
    }

    /// Where a path of the command really is, links of the image followed, and sees to it that something can be
    /// mounted there.
    pub fn place(&mut self, path: &str) -> io::Result<String> {
        let (there, missing) = resolve(self.files, Path::new(path))?;
        if !missing.as_os_str().is_empty() {
            self.opened.insert(there.clone());
        }
        let whole: PathBuf = [Path::new("/"), &there, &missing].iter().flat_map(|part| part.components()).collect();
        whole.into_os_string().into_string().map_err(|_| io::Error::other("the image has a path that is not UTF-8"))
    }

    /// Mounts the image, which `bwrap` finds at `source`.
    pub fn mount(&self, source: &Path, arguments: &mut Arguments) -> io::Result<()> {
        if !self.opened.contains(Path::new("")) {
            arguments.bind(source, "/", false);
        }
        // Folders stand before what is in them.
        for folder in &self.opened {
            if !folder.as_os_str().is_empty() {
                arguments.add(["--perms", "0755", "--tmpfs", &absolute(folder)]);
            }
            self.mount_entries(source, folder, arguments)?;
        }
        Ok(())
    }

    /// Makes what was opened read-only again, when everything is mounted.
    pub fn close(&self, arguments: &mut Arguments) {
        for folder in &self.opened {
            arguments.add(["--remount-ro", &absolute(folder)]);
        }
    }

    fn mount_entries(&self, source: &Path, folder: &Path, arguments: &mut Arguments) -> io::Result<()> {
        let entries = fs::read_dir(self.files.join(folder))?.collect::<io::Result<Vec<_>>>()?;
        if entries.len() > MOST_ENTRIES {
            let text = format!("{} of the image has too many entries to mount beside", absolute(folder));
            return Err(io::Error::other(text));
        }
        for entry in entries {
            let inside = folder.join(entry.file_name());
            if entry.file_type()?.is_symlink() {
                arguments.add(["--symlink"]);
                arguments.path(&fs::read_link(entry.path())?);
                arguments.add([&absolute(&inside)]);
            } else {
                arguments.bind(&source.join(&inside), &absolute(&inside), false);
            }
        }
        Ok(())
    }
}

fn absolute(inside: &Path) -> String {
    Path::new("/").join(inside).to_string_lossy().into_owned()
}

/// Splits a path of the image into what is there, without links and relative to the image, and what is missing.
///
/// No link leads out of the image: the kernel resolves it as if the image were the root.
pub(crate) fn resolve(files: &Path, path: &Path) -> io::Result<(PathBuf, PathBuf)> {
    let components: Vec<_> = path
        .components()
        .filter_map(|component| match component {
            Component::RootDir | Component::CurDir => None,
            Component::Normal(name) => Some(Ok(name)),
            _ => Some(Err(io::Error::other(format!("`{}` goes back by `..`", path.display())))),
        })
        .collect::<io::Result<_>>()?;
    let root = open(files, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let real_root = fs::read_link(format!("/proc/self/fd/{}", root.as_raw_fd()))?;
    for count in (0..=components.len()).rev() {
        let there: PathBuf = components[..count].iter().collect();
        let wanted = if count == 0 { Path::new(".") } else { &there };
        match openat2(&root, wanted, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::IN_ROOT) {
            Ok(found) => {
                let real = fs::read_link(format!("/proc/self/fd/{}", found.as_raw_fd()))?;
                let inside = real.strip_prefix(&real_root).map_err(io::Error::other)?.to_owned();
                let missing: PathBuf = components[count..].iter().collect();
                refuse_dangling(files, &inside, &missing)?;
                return Ok((inside, missing));
            }
            Err(rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
    }
    // The root itself was opened above.
    Err(io::ErrorKind::NotFound.into())
}

/// A link to nothing may lead to something where `bwrap` mounts: nothing is mounted through one.
fn refuse_dangling(files: &Path, there: &Path, missing: &Path) -> io::Result<()> {
    let Some(first) = missing.components().next() else { return Ok(()) };
    match fs::symlink_metadata(files.join(there).join(first)) {
        Ok(_) => Err(io::Error::other(format!("{} of the image is a link to nothing", absolute(&there.join(first))))),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn image() -> tempfile::TempDir {
        let image = tempfile::tempdir().unwrap();
        let at = |path: &str| image.path().join(path);
        fs::create_dir_all(at("usr/lib")).unwrap();
        fs::create_dir_all(at("var")).unwrap();
        fs::write(at("var/file"), "").unwrap();
        symlink("usr/lib", at("lib")).unwrap();
        symlink("/etc", at("var/out")).unwrap();
        symlink("../../..", at("var/up")).unwrap();
        image
    }

    #[test]
    fn no_link_of_an_image_leads_out_of_it() {
        let image = image();
        let at = |path: &str| {
            let (there, missing) = resolve(image.path(), Path::new(path)).unwrap();
            format!("{}|{}", there.display(), missing.display())
        };
        for (path, expected) in [
            ("/", "|"),
            ("/usr/lib", "usr/lib|"),
            ("/lib/x/y", "usr/lib|x/y"),
            ("/new/place", "|new/place"),
            ("/var/up/usr", "usr|"),
        ] {
            assert_eq!(at(path), expected, "{path}");
        }
        // The image has no `/etc`, and that of this machine is not meant.
        for wrong in ["/var/out/passwd", "/var/out", "/usr/../..", "/var/file/x"] {
            assert!(resolve(image.path(), Path::new(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_missing_place_opens_the_folder_above_it() {
        let image = image();
        let mut root = Root::of(image.path());
        assert_eq!(root.place("/var/spool/cwl").unwrap(), "/var/spool/cwl");
        assert_eq!(root.place("/usr").unwrap(), "/usr");
        let (mut arguments, source) = (Arguments::default(), Path::new("/i"));
        root.mount(source, &mut arguments).unwrap();
        root.close(&mut arguments);
        let text = String::from_utf8(arguments.into_bytes()).unwrap().replace('\0', " ");
        assert!(text.starts_with("--ro-bind /i / --perms 0755 --tmpfs /var "), "{text}");
        assert!(
            text.contains("--ro-bind /i/var/file /var/file ") && text.contains("--symlink /etc /var/out "),
            "{text}"
        );
        assert!(text.ends_with("--remount-ro /var "), "{text}");
    }

    #[test]
    fn a_place_in_the_root_opens_all_of_it() {
        let image = image();
        let mut root = Root::of(image.path());
        root.place("/output").unwrap();
        let mut arguments = Arguments::default();
        root.mount(Path::new("/i"), &mut arguments).unwrap();
        let text = String::from_utf8(arguments.into_bytes()).unwrap().replace('\0', " ");
        assert!(!text.contains("/i / ") && text.contains("--ro-bind /i/usr /usr "), "{text}");
    }
}
