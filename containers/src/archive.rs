//! Writing an image: a layer, its configuration, and the archive that a Docker daemon loads.
//!
//! The archive's form is that of `docker save` (Docker image specification v1.2). The same files, name and time give
//! the same bytes, whoever builds, when and where.

use std::{
    fs::File,
    io::{self, BufWriter, Seek, Write},
    path::Path,
};

use serde::Serialize;
use sluis_model::ImageId;
use tar::{Builder, EntryType, Header};

use crate::{
    ContainersError,
    definition::ImageLock,
    digest::{Hashing, Sha256Digest},
    stand_in::StandIn,
    tree::{Node, Tree},
};

#[derive(Serialize)]
struct Configuration<'a> {
    architecture: &'a str,
    config: Settings<'a>,
    created: String,
    history: [History<'a>; 1],
    os: &'a str,
    rootfs: RootFs,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Settings<'a> {
    user: &'a str,
    env: &'a [&'a str],
    cmd: [&'a str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    entrypoint: Option<&'a [String]>,
    working_dir: &'a str,
}

#[derive(Serialize)]
struct History<'a> {
    created: String,
    created_by: &'a str,
}

#[derive(Serialize)]
struct RootFs {
    r#type: &'static str,
    diff_ids: [String; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Manifest<'a> {
    config: &'a str,
    repo_tags: [&'a str; 1],
    layers: [&'a str; 1],
}

/// Writes the archive of an image with these files to `path`, and gives the image's identifier.
///
/// A stand-in is configured like the image whose place it takes, any other for the executors.
/// The file appears under its name only when it is complete.
pub(crate) fn write(
    tree: &Tree,
    lock: &ImageLock,
    stand_in: Option<&StandIn>,
    path: &Path,
) -> Result<ImageId, ContainersError> {
    let created = lock.created;
    let folder = path.parent().unwrap_or(Path::new("."));
    let failed = || ContainersError::io("write", path);
    let mut layer = tempfile::tempfile_in(folder).map_err(failed())?;
    let layer_digest = write_layer(tree, created, &layer).map_err(failed())?;
    let configuration = configuration(layer_digest, created, stand_in).map_err(failed())?;
    let image = Sha256Digest::of(&configuration);
    layer.rewind().map_err(failed())?;
    let whole = tempfile::NamedTempFile::new_in(folder).map_err(failed())?;
    write_archive(whole.as_file(), &configuration, &layer, layer_digest, &lock.tag, created).map_err(failed())?;
    whole.persist(path).map_err(|error| failed()(error.error))?;
    format!("sha256:{image}").parse().map_err(|_| ContainersError::Stopped)
}

/// The variables that every image sets; the first of them is all that a stand-in does.
const ENVIRONMENT: [&str; 3] =
    ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "TZ=UTC"];

fn configuration(layer: Sha256Digest, created: jiff::Timestamp, stand_in: Option<&StandIn>) -> io::Result<Vec<u8>> {
    let config = match stand_in {
        None => Settings {
            user: "1000:1000",
            env: &ENVIRONMENT,
            cmd: ["/bin/sh"],
            entrypoint: None,
            working_dir: "/sluis/work",
        },
        Some(stand_in) => Settings {
            user: "",
            env: &ENVIRONMENT[..1],
            cmd: ["/bin/sh"],
            entrypoint: stand_in.entrypoint.as_deref(),
            working_dir: "",
        },
    };
    let configuration = Configuration {
        architecture: "amd64",
        config,
        created: created.to_string(),
        history: [History { created: created.to_string(), created_by: "sluis-containers" }],
        os: "linux",
        rootfs: RootFs { r#type: "layers", diff_ids: [format!("sha256:{layer}")] },
    };
    Ok(serde_json::to_vec(&configuration)?)
}

fn write_archive(
    file: &File,
    configuration: &[u8],
    mut layer: &File,
    layer_digest: Sha256Digest,
    tag: &str,
    created: jiff::Timestamp,
) -> io::Result<()> {
    let (config, layer_name) =
        (format!("{}.json", Sha256Digest::of(configuration)), format!("{layer_digest}/layer.tar"));
    let manifest = serde_json::to_vec(&[Manifest { config: &config, repo_tags: [tag], layers: [&layer_name] }])?;
    let mut archive = Builder::new(BufWriter::new(file));
    let size = layer.metadata()?.len();
    archive.append_data(&mut header(EntryType::Regular, 0o644, size, created), &layer_name, &mut layer)?;
    for (name, content) in [(config.as_str(), configuration), ("manifest.json", manifest.as_slice())] {
        let mut header = header(EntryType::Regular, 0o644, content.len() as u64, created);
        archive.append_data(&mut header, name, content)?;
    }
    archive.into_inner()?.flush()
}

fn write_layer(tree: &Tree, created: jiff::Timestamp, file: &File) -> io::Result<Sha256Digest> {
    let mut layer = Builder::new(Hashing::new(BufWriter::new(file)));
    for (path, node) in tree.iter() {
        match node {
            Node::Folder(mode) => {
                layer.append_data(&mut header(EntryType::Directory, *mode, 0, created), path, io::empty())?;
            }
            Node::File(mode, content) => {
                let mut header = header(EntryType::Regular, *mode, content.len() as u64, created);
                layer.append_data(&mut header, path, &content[..])?;
            }
            Node::Link(target) => {
                layer.append_link(&mut header(EntryType::Symlink, 0o777, 0, created), path, target)?;
            }
        }
    }
    let (mut writer, digest) = layer.into_inner()?.finish();
    writer.flush()?;
    Ok(digest)
}

/// A header that depends on nothing but what is given: owner 0, no names, one time.
fn header(kind: EntryType, mode: u32, size: u64, created: jiff::Timestamp) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(created.as_second().unsigned_abs());
    header
}
