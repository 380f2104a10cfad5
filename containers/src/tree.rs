//! The image's files: the merged contents of packages, without what no tool needs.

use std::{
    collections::BTreeMap,
    io::Read,
    path::{Component, Path, PathBuf},
    process::{ChildStdout, Command},
    sync::Arc,
};

use tar::EntryType;

use crate::{ContainersError, program};

/// One name in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// A folder with its permission bits.
    Folder(u32),
    /// A file with its permission bits and content.
    File(u32, Arc<[u8]>),
    /// A symbolic link and where it points.
    Link(PathBuf),
}

/// All names of an image, in the order in which they are written; paths have no leading slash.
#[derive(Default)]
pub(crate) struct Tree(BTreeMap<PathBuf, Node>);

/// Folders whose content is for people or for other languages.
const LEFT_OUT: &[&str] = &[
    "usr/lib/x86_64-linux-gnu/gconv",
    "usr/share/bug",
    "usr/share/doc-base",
    "usr/share/info",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
    "usr/share/menu",
];

/// The users of the image; tools run as `sluis` or as whom the executor says, never as root.
const PASSWD: &str = "root:x:0:0:root:/root:/usr/sbin/nologin\n\
                      sluis:x:1000:1000:sluis:/sluis/work:/bin/sh\n\
                      nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";

impl Tree {
    /// The bare frame: the merged-/usr links, and what the packages' own scripts would have made.
    pub fn frame() -> Self {
        let mut tree = Self::default();
        for (name, mode) in [("tmp", 0o1777), ("var/tmp", 0o1777), ("root", 0o700)] {
            tree.insert(name, Node::Folder(mode));
        }
        for name in ["dev", "etc", "proc", "run", "sys"] {
            tree.insert(name, Node::Folder(0o755));
        }
        for (name, target) in [
            ("bin", "usr/bin"),
            ("lib", "usr/lib"),
            ("lib64", "usr/lib64"),
            ("sbin", "usr/sbin"),
            ("usr/bin/awk", "mawk"),
            ("usr/bin/sh", "dash"),
        ] {
            tree.insert(name, Node::Link(target.into()));
        }
        for (name, text) in [
            ("etc/passwd", PASSWD),
            ("etc/group", "root:x:0:\nsluis:x:1000:\nnogroup:x:65534:\n"),
            ("etc/hosts", "127.0.0.1 localhost\n"),
            ("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
        ] {
            tree.insert(name, Node::File(0o644, text.as_bytes().into()));
        }
        tree
    }

    /// Adds the folders in which the executors put a task's files.
    pub fn add_task_folders(&mut self) {
        for name in ["sluis/in", "sluis/tmp", "sluis/work"] {
            self.insert(name, Node::Folder(0o755));
        }
    }

    /// Adds the files of a `.deb`.
    pub fn add_package(&mut self, name: &str, deb: &Path) -> Result<(), ContainersError> {
        each_entry(name, deb, |entry| self.add_entry(entry))
    }

    /// All names with what stands there, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&Path, &Node)> {
        self.0.iter().map(|(path, node)| (path.as_path(), node))
    }

    /// Puts a name into the tree, and its folders where they are not there yet.
    fn insert(&mut self, path: impl Into<PathBuf>, node: Node) {
        let path = path.into();
        for folder in path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
            self.0.entry(folder.to_owned()).or_insert(Node::Folder(0o755));
        }
        self.0.insert(path, node);
    }

    fn add_entry(&mut self, entry: &mut Entry<'_, '_>) -> Result<(), String> {
        let text = |error: std::io::Error| error.to_string();
        let path = merged(&entry.path().map_err(text)?)?;
        if path.as_os_str().is_empty() || is_left_out(&path) {
            return Ok(());
        }
        // Nothing in the image may run with another user's rights.
        let mode = entry.header().mode().map_err(text)? & 0o1777;
        let node = match entry.header().entry_type() {
            EntryType::Directory if self.0.contains_key(&path) => return Ok(()),
            EntryType::Directory => Node::Folder(mode),
            EntryType::Regular => {
                let mut content = Vec::new();
                entry.read_to_end(&mut content).map_err(text)?;
                Node::File(mode, content.into())
            }
            EntryType::Symlink => {
                Node::Link(entry.link_name().map_err(text)?.ok_or("a link without target")?.into_owned())
            }
            EntryType::Link => {
                let target = merged(&entry.link_name().map_err(text)?.ok_or("a link without target")?)?;
                self.0.get(&target).cloned().ok_or(format!("`{}` is linked to nothing", path.display()))?
            }
            other => return Err(format!("`{}` has the unexpected type {other:?}", path.display())),
        };
        self.insert(path, node);
        Ok(())
    }
}

/// An entry of a package's archive.
type Entry<'a, 'b> = tar::Entry<'a, &'b mut ChildStdout>;

/// The content of one file of a `.deb`, documentation included, if it holds such a file.
pub(crate) fn file_of_package(name: &str, deb: &Path, path: &Path) -> Result<Option<Vec<u8>>, ContainersError> {
    let mut content = None;
    each_entry(name, deb, |entry| {
        if merged(&entry.path().map_err(|error| error.to_string())?)? == path {
            entry.read_to_end(content.insert(Vec::new())).map_err(|error| error.to_string())?;
        }
        Ok(())
    })?;
    Ok(content)
}

fn each_entry(
    name: &str,
    deb: &Path,
    mut act: impl FnMut(&mut Entry<'_, '_>) -> Result<(), String>,
) -> Result<(), ContainersError> {
    let problem = |problem: String| ContainersError::Package { package: name.to_owned(), problem };
    program::read_from("dpkg-deb", Command::new("dpkg-deb").arg("--fsys-tarfile").arg(deb), |stream| {
        let mut archive = tar::Archive::new(stream);
        for entry in archive.entries().map_err(|error| problem(error.to_string()))? {
            act(&mut entry.map_err(|error| problem(error.to_string()))?).map_err(problem)?;
        }
        Ok(())
    })
}

/// The path without a leading `./`, and below `usr` where the top folder is a link into it.
fn merged(path: &Path) -> Result<PathBuf, String> {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir | Component::RootDir => {}
            Component::Normal(name) => plain.push(name),
            _ => return Err(format!("`{}` leads out of the image", path.display())),
        }
    }
    let is_merged = ["bin", "lib", "lib64", "sbin"].iter().any(|top| plain.starts_with(top));
    Ok(if is_merged { Path::new("usr").join(plain) } else { plain })
}

/// Documentation stays out, but each package's copyright file stays in.
fn is_left_out(path: &Path) -> bool {
    let is_other_documentation = path.starts_with("usr/share/doc") && !path.ends_with("copyright");
    is_other_documentation || LEFT_OUT.iter().any(|folder| path.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn top_folders_are_merged_into_usr() {
        assert_eq!(merged(Path::new("./bin/cat")), Ok("usr/bin/cat".into()));
        assert_eq!(merged(Path::new("./usr/bin/cat")), Ok("usr/bin/cat".into()));
        assert_eq!(merged(Path::new("./")), Ok("".into()));
        assert!(merged(Path::new("./usr/../../etc")).is_err());
    }

    #[test]
    fn copyright_stays_and_manuals_go() {
        assert!(!is_left_out(Path::new("usr/share/doc/bwa/copyright")));
        assert!(is_left_out(Path::new("usr/share/doc/bwa/changelog.gz")));
        assert!(is_left_out(Path::new("usr/share/man/man1/bwa.1.gz")));
        assert!(!is_left_out(Path::new("usr/bin/bwa")));
    }

    #[test]
    fn the_frame_has_a_user_without_rights_and_a_shell() {
        let tree = Tree::frame();
        assert!(tree.iter().any(|(path, _)| path == Path::new("etc/passwd")));
        assert!(tree.iter().any(|(path, node)| path == Path::new("usr/bin/sh") && *node == Node::Link("dash".into())));
        assert!(tree.iter().any(|(path, node)| path == Path::new("usr/bin") && *node == Node::Folder(0o755)));
    }
}
