//! An image's definition: the folder `containers/NAME` with its list and its two locks.

use std::{
    fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use sluis_model::ImageId;

use crate::{ContainersError, digest::Sha256Digest, stand_in::StandIn};

/// A package at one version with one content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PinnedPackage {
    /// The Debian package's name.
    pub name: String,
    /// Its version, epoch included.
    pub version: String,
    /// The SHA-256 of the `.deb` file.
    pub sha256: Sha256Digest,
}

/// What `image.lock` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImageLock {
    /// The image's name in the daemon, `name:tag`.
    pub tag: String,
    /// The one time that stands in the image, for every file.
    pub created: jiff::Timestamp,
    /// The identifier that a build must come to.
    pub image: Option<ImageId>,
}

/// A definition, read from its folder.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    /// Its name, that of its folder.
    pub name: String,
    /// The folder.
    pub folder: PathBuf,
}

impl Definition {
    /// Finds the definition `name` among those that come with this crate.
    pub fn find(name: &str) -> Result<Self, ContainersError> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        if name.is_empty() || name.contains(['/', '.']) || !folder.join("packages.list").is_file() {
            return Err(ContainersError::UnknownImage { name: name.to_owned(), folder });
        }
        Ok(Self { name: name.to_owned(), folder })
    }

    /// The pinned packages, from `packages.lock`.
    pub fn packages(&self) -> Result<Vec<PinnedPackage>, ContainersError> {
        read_lines(&self.folder.join("packages.lock"), |line| {
            let [name, version, sha256] = line.split(' ').collect::<Vec<_>>()[..] else {
                return Err("expected `name version sha256`".to_owned());
            };
            Ok(PinnedPackage { name: name.to_owned(), version: version.to_owned(), sha256: sha256.parse()? })
        })
    }

    /// The packages that the list names, and those that are taken as present.
    pub fn wanted(&self) -> Result<(Vec<String>, Vec<String>), ContainersError> {
        let lines = read_lines(&self.folder.join("packages.list"), |line| Ok(line.to_owned()))?;
        let (assumed, wanted): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line.starts_with('-'));
        Ok((wanted, assumed.into_iter().map(|name| name[1..].to_owned()).collect()))
    }

    /// The image's name, its time and its expected identifier, from `image.lock`.
    pub fn lock(&self) -> Result<ImageLock, ContainersError> {
        let file = self.folder.join("image.lock");
        let pairs = read_lines(&file, |line| {
            line.split_once(' ')
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .ok_or_else(|| "expected `key value`".to_owned())
        })?;
        let problem = |problem: String| ContainersError::Definition { file: file.clone(), line: None, problem };
        let value = |key: &str| pairs.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str());
        let required = |key: &str| value(key).ok_or_else(|| problem(format!("`{key}` is missing")));
        Ok(ImageLock {
            tag: required("tag")?.to_owned(),
            created: required("created")?.parse().map_err(|error: jiff::Error| problem(error.to_string()))?,
            image: value("image").map(ImageId::from_str).transpose().map_err(|error| problem(error.to_string()))?,
        })
    }

    /// For which well-known images this one stands in, if it does.
    pub fn stand_in(&self) -> Result<Option<StandIn>, ContainersError> {
        StandIn::read(&self.folder.join("stand-in"))
    }

    /// The identifier that `image.lock` asks for; it must be there except while locking anew.
    pub fn image(&self) -> Result<ImageId, ContainersError> {
        self.lock()?.image.ok_or_else(|| ContainersError::Definition {
            file: self.folder.join("image.lock"),
            line: None,
            problem: "`image` is missing".to_owned(),
        })
    }
}

/// Reads a file line by line, without empty lines and comments.
pub(crate) fn read_lines<T>(file: &Path, parse: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, ContainersError> {
    let text = fs::read_to_string(file).map_err(ContainersError::io("read", file))?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            parse(line).map_err(|problem| ContainersError::Definition {
                file: file.to_owned(),
                line: Some(index + 1),
                problem,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A definition whose lock files have these texts.
    fn definition(folder: &Path, packages: &str, image: &str) -> Definition {
        fs::write(folder.join("packages.lock"), packages).unwrap();
        fs::write(folder.join("image.lock"), image).unwrap();
        Definition { name: "test".to_owned(), folder: folder.to_owned() }
    }

    #[test]
    fn the_shipped_locks_are_read() {
        let genomics = Definition::find("genomics").unwrap();
        assert!(genomics.packages().unwrap().iter().any(|package| package.name == "samtools"));
        assert_eq!(genomics.lock().unwrap().tag, "sluis/genomics:1");
    }

    #[test]
    fn a_damaged_line_is_told_with_its_file_and_number() {
        let folder = tempfile::tempdir().unwrap();
        let damaged = definition(folder.path(), "# made\n\nbwa 1.0 0123\n", "tag a:1\ncreated yesterday\n");
        let said = damaged.packages().unwrap_err().to_string();
        assert!(said.contains("packages.lock`, line 3: `0123` is not a SHA-256 digest"), "{said}");
        assert!(damaged.lock().unwrap_err().to_string().contains("image.lock`: "));
        let without = definition(folder.path(), "", "tag a:1\ncreated 2026-01-01T00:00:00Z\n");
        assert!(without.image().unwrap_err().to_string().contains("`image` is missing"));
    }
}
