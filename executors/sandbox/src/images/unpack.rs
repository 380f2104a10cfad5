//! From a configuration and layers to an image in its place.

use std::{
    fs::{self, File, Permissions},
    io::{self, BufReader, Read},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;
use sha2::{Digest, Sha256};
use sluis_model::{INPUTS_ROOT, ImageId, TEMPORARY_ROOT, WORK_ROOT};

use super::{Configuration, ImageError, Images, layer::Tree};
use crate::plan::HOST_NAME;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const READ_AHEAD: usize = 1 << 16;

/// Unpacks an image, unless it is there already, and gives its identifier. `layer` opens a layer by its number.
pub(super) fn image(
    images: &Images,
    configuration: &[u8],
    layers: usize,
    mut layer: impl FnMut(usize) -> Result<Box<dyn Read + Send>, ImageError>,
) -> Result<ImageId, ImageError> {
    let wrong = |reason: String| ImageError::Configuration { reason };
    let id: ImageId = digest_of(configuration).parse().map_err(|_| wrong("it has no digest".to_owned()))?;
    let read = Configuration::read(configuration)?;
    if read.layers.len() != layers {
        return Err(wrong(format!("it names {} layers, and there are {layers}", read.layers.len())));
    }
    let _lock = images.lock()?;
    if images.configuration_of(&id).is_file() {
        return Ok(id);
    }
    let new = images.new_folder()?;
    let at = |name: &str| new.path().join(name);
    let files = at("rootfs");
    fs::create_dir(&files).map_err(ImageError::file(&files, "made"))?;
    let mut tree = Tree::new(&files);
    for (number, expected) in read.layers.iter().enumerate() {
        unpack_layer(&mut tree, number + 1, layer(number)?, expected)?;
    }
    let places = [INPUTS_ROOT, TEMPORARY_ROOT, WORK_ROOT, "/tmp", "/proc", "/dev"];
    let places = places.into_iter().chain(read.volumes.iter().map(String::as_str));
    prepare(&mut tree, places).map_err(ImageError::file(&files, "prepared for commands"))?;
    fs::write(at("bytes"), size_of(&files).to_string()).map_err(ImageError::file(new.path(), "written"))?;
    fs::write(at("config.json"), configuration).map_err(ImageError::file(new.path(), "written"))?;
    put_in_place(images, &new, &id)?;
    Ok(id)
}

/// Moves what was unpacked to where it is looked for, once the disk has it.
fn put_in_place(images: &Images, new: &tempfile::TempDir, id: &ImageId) -> Result<(), ImageError> {
    let failed = || ImageError::file(new.path(), "written");
    rustix::fs::syncfs(File::open(new.path()).map_err(failed())?).map_err(|error| failed()(error.into()))?;
    let place = images.folder_of(id);
    // What is moved away does not stand in the way of the folder's removal; another takes its place.
    let moved = new.path().join("image");
    fs::create_dir(&moved).map_err(failed())?;
    for part in ["rootfs", "bytes", "config.json"] {
        fs::rename(new.path().join(part), moved.join(part)).map_err(failed())?;
    }
    fs::rename(&moved, &place).map_err(ImageError::file(&place, "made"))
}

fn unpack_layer(
    tree: &mut Tree<'_>,
    number: usize,
    packed: Box<dyn Read + Send>,
    expected: &str,
) -> Result<(), ImageError> {
    let at = |path: &Path, source| ImageError::Layer { number, path: path.to_owned(), source };
    let mut hashing =
        Hashing { inner: decompress(packed).map_err(|error| at(Path::new("/"), error))?, hash: Sha256::new() };
    tree.add_layer(&mut hashing).map_err(|(path, error)| at(&path, error))?;
    // What stands behind the end of the archive belongs to the digest, too.
    io::copy(&mut hashing, &mut io::sink()).map_err(|error| at(Path::new("/"), error))?;
    let found = format!("sha256:{}", hex::encode(hashing.hash.finalize()));
    if found == expected {
        return Ok(());
    }
    Err(ImageError::Damaged { what: format!("layer {number}"), expected: expected.to_owned(), found })
}

/// Makes the places at which commands get something mounted, and the files that say where a command is.
fn prepare<'p>(tree: &mut Tree<'_>, places: impl Iterator<Item = &'p str>) -> io::Result<()> {
    for place in places {
        tree.make_folder(Path::new(place))?;
    }
    let hosts = format!("127.0.0.1 localhost {HOST_NAME}\n::1 localhost ip6-localhost ip6-loopback\n");
    for (name, text) in [("hosts", hosts.as_str()), ("hostname", "sluis\n"), ("resolv.conf", "")] {
        tree.make_file(&Path::new("/etc").join(name), text)?;
    }
    fs::set_permissions(tree.root(), Permissions::from_mode(0o755))
}

/// Fails unless some bytes have a digest.
pub(super) fn verify(what: &str, expected: &str, bytes: &[u8]) -> Result<(), ImageError> {
    let found = digest_of(bytes);
    if found == expected {
        return Ok(());
    }
    Err(ImageError::Damaged { what: format!("`{what}`"), expected: expected.to_owned(), found })
}

fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

fn decompress(packed: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
    use std::io::BufRead;
    let mut packed = BufReader::with_capacity(READ_AHEAD, packed);
    let start = packed.fill_buf()?;
    let (gzip, zstd) = (start.starts_with(&GZIP), start.starts_with(&ZSTD));
    Ok(match (gzip, zstd) {
        (true, _) => Box::new(BufReader::with_capacity(READ_AHEAD, MultiGzDecoder::new(packed))),
        (_, true) => Box::new(StreamingDecoder::new(packed).map_err(io::Error::other)?),
        _ => Box::new(packed),
    })
}

struct Hashing<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}

/// What the files in a folder take, in bytes; what cannot be looked at counts as nothing.
fn size_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(facts) if facts.is_dir() => size_of(&entry.path()),
        Ok(facts) => facts.blocks() * 512 / facts.nlink().max(1),
        Err(_) => 0,
    };
    entries.map(size).sum()
}
