//! Archives and folders that hold images: as `docker save` writes them (Docker image specification v1.2) and in the
//! layout of the OCI (OCI image specification 1.1, Image Layout).

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Component, Path, PathBuf},
};

use serde::{Deserialize, de::DeserializeOwned};
use tar::EntryType;

use super::{ImageError, unpack};

/// How large a manifest or a configuration may be, in bytes.
const LARGEST_DOCUMENT: u64 = 16 << 20;
/// How many links of an archive may lead to each other.
const MOST_LINKS: usize = 8;
/// How deep one index may stand in another.
const DEEPEST: usize = 4;
const NAME: &str = "org.opencontainers.image.ref.name";
/// What other tools write the whole name into.
const FULL_NAME: &str = "io.containerd.image.name";

/// An archive or folder.
pub(super) struct Archive {
    path: PathBuf,
    content: Content,
}

enum Content {
    Folder,
    /// Where in the file each entry is, and how long.
    File(HashMap<PathBuf, Entry>),
}

enum Entry {
    Bytes { from: u64, length: u64 },
    Link(PathBuf),
}

/// One image of an archive.
#[derive(Debug)]
pub(super) struct Described {
    pub names: Vec<String>,
    pub configuration: Part,
    pub layers: Vec<Part>,
}

/// A file of an archive, with the digest that it has to have, where that is known.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    digest: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: PathBuf,
    repo_tags: Option<Vec<String>>,
    layers: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    platform: Option<Platform>,
    #[serde(default)]
    annotations: HashMap<String, String>,
}

#[derive(Deserialize)]
struct Platform {
    architecture: String,
    os: String,
}

impl Archive {
    /// Opens it, and finds what is in it.
    pub fn open(path: &Path) -> Result<Self, ImageError> {
        let content = if path.is_dir() { Content::Folder } else { Content::File(entries(path)?) };
        Ok(Self { path: path.to_owned(), content })
    }

    /// The images in it.
    pub fn images(&self) -> Result<Vec<Described>, ImageError> {
        let images = if self.holds("manifest.json") {
            self.document::<Vec<Saved>>(&Part::of("manifest.json"))?.into_iter().map(described).collect()
        } else if self.holds("index.json") {
            let mut images = Vec::new();
            self.images_of_index(&Part::of("index.json"), &[], DEEPEST, &mut images)?;
            images
        } else {
            return Err(self.wrong("it holds neither `manifest.json` nor `index.json`"));
        };
        if images.is_empty() { Err(self.wrong("it holds no image for this machine")) } else { Ok(images) }
    }

    /// A document of it, verified.
    pub fn read(&self, part: &Part) -> Result<Vec<u8>, ImageError> {
        let mut bytes = Vec::new();
        let unreadable = ImageError::file(&self.path, "read");
        self.part(&part.path)?.take(LARGEST_DOCUMENT + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > LARGEST_DOCUMENT {
            return Err(self.wrong("a document in it is too large"));
        }
        match &part.digest {
            Some(expected) => unpack::verify(&part.path.to_string_lossy(), expected, &bytes).map(|()| bytes),
            None => Ok(bytes),
        }
    }

    /// A layer, as it is kept: perhaps compressed.
    pub fn layer(&self, image: &Described, number: usize) -> Result<Box<dyn Read + Send>, ImageError> {
        // The digest of its content stands in the configuration, which is verified, so it need not be verified here.
        self.part(&image.layers[number].path)
    }

    fn images_of_index(
        &self,
        index: &Part,
        outer: &[String],
        depth: usize,
        images: &mut Vec<Described>,
    ) -> Result<(), ImageError> {
        for entry in self.document::<Index>(index)?.manifests {
            let is_for_here = entry.platform.as_ref().is_none_or(Platform::is_this_machine);
            let mut names: Vec<_> =
                [FULL_NAME, NAME].iter().filter_map(|key| entry.annotations.get(*key)).cloned().collect();
            names.truncate(1);
            // A bare tag, which the standard allows, names no image.
            names.retain(|name| name.contains(['/', ':']));
            names.extend_from_slice(outer);
            let part = Part::blob(&entry.digest).ok_or_else(|| self.wrong("it names a blob by no SHA-256 digest"))?;
            if entry.media_type.contains("index") || entry.media_type.contains("manifest.list") {
                if depth > 0 {
                    self.images_of_index(&part, &names, depth - 1, images)?;
                }
            } else if is_for_here {
                let manifest: Manifest = self.document(&part)?;
                let blob = |of: &Descriptor| {
                    Part::blob(&of.digest).ok_or_else(|| self.wrong("it names a blob by no SHA-256 digest"))
                };
                let layers = manifest.layers.iter().map(blob).collect::<Result<_, _>>()?;
                images.push(Described { names, configuration: blob(&manifest.config)?, layers });
            }
        }
        Ok(())
    }

    fn document<T: DeserializeOwned>(&self, part: &Part) -> Result<T, ImageError> {
        let bytes = self.read(part)?;
        serde_json::from_slice(&bytes).map_err(|error| self.wrong(&format!("`{}`: {error}", part.path.display())))
    }

    fn holds(&self, name: &str) -> bool {
        match &self.content {
            Content::Folder => self.path.join(name).is_file(),
            Content::File(entries) => entries.contains_key(Path::new(name)),
        }
    }

    fn part(&self, name: &Path) -> Result<Box<dyn Read + Send>, ImageError> {
        let missing = || self.wrong(&format!("`{}` is missing in it", name.display()));
        let mut name = plain(name).ok_or_else(missing)?;
        let opened = |path: &Path| File::open(path).map_err(ImageError::file(path, "read"));
        let Content::File(entries) = &self.content else {
            return Ok(Box::new(opened(&self.path.join(name))?));
        };
        for _ in 0..MOST_LINKS {
            match entries.get(&name).ok_or_else(missing)? {
                Entry::Bytes { from, length } => {
                    let mut file = opened(&self.path)?;
                    file.seek(SeekFrom::Start(*from)).map_err(ImageError::file(&self.path, "read"))?;
                    return Ok(Box::new(file.take(*length)));
                }
                Entry::Link(target) => name = target.clone(),
            }
        }
        Err(missing())
    }

    fn wrong(&self, reason: &str) -> ImageError {
        ImageError::NotAnImage { path: self.path.clone(), reason: reason.to_owned() }
    }
}

impl Part {
    fn of(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), digest: None }
    }

    fn blob(digest: &str) -> Option<Self> {
        let digits = digest.strip_prefix("sha256:").filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        Some(Self { path: Path::new("blobs/sha256").join(digits), digest: Some(digest.to_owned()) })
    }
}

impl Platform {
    fn is_this_machine(&self) -> bool {
        let here = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        self.os == "linux" && self.architecture == here
    }
}

fn described(saved: Saved) -> Described {
    Described {
        names: saved.repo_tags.unwrap_or_default(),
        configuration: Part::of(saved.config),
        layers: saved.layers.into_iter().map(Part::of).collect(),
    }
}

/// Where everything in an archive is.
fn entries(path: &Path) -> Result<HashMap<PathBuf, Entry>, ImageError> {
    let file = File::open(path).map_err(ImageError::file(path, "opened"))?;
    let wrong = |error: io::Error| ImageError::NotAnImage { path: path.to_owned(), reason: error.to_string() };
    let mut entries = HashMap::new();
    for entry in tar::Archive::new(file).entries_with_seek().map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let Some(name) = plain(&entry.path().map_err(wrong)?) else { continue };
        let folder = name.parent().unwrap_or(Path::new(""));
        let found = match entry.header().entry_type() {
            EntryType::Regular => Entry::Bytes { from: entry.raw_file_position(), length: entry.size() },
            // Older daemons save a layer that several images share once, and link to it.
            EntryType::Symlink | EntryType::Link => {
                let Some(target) = entry.link_name().map_err(wrong)? else { continue };
                let is_hard = entry.header().entry_type() == EntryType::Link;
                match plain(&if is_hard { target.into_owned() } else { folder.join(target) }) {
                    Some(target) => Entry::Link(target),
                    None => continue,
                }
            }
            _ => continue,
        };
        entries.insert(name, found);
    }
    Ok(entries)
}

/// The path without `.` and `..`; `None` if it leads out.
fn plain(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(name) => plain.push(name),
            Component::ParentDir if plain.pop() => {}
            _ => return None,
        }
    }
    Some(plain)
}
