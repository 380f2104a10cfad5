//! Images made for these tests, in every form in which they come.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::Arc,
    thread,
};

use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

/// An image of some layers, with a volume at `/data`.
pub struct Made {
    pub layers: Vec<Layer>,
    configuration: Vec<u8>,
}

/// One layer in the making.
pub struct Layer(Builder<Vec<u8>>);

/// Something in a layer that is neither a file nor a folder.
#[derive(Clone, Copy)]
pub enum Entry<'t> {
    Symlink(&'t str, &'t str),
    Hard(&'t str, &'t str),
    Device(&'t str),
}

/// How layers are packed.
#[derive(Clone, Copy)]
pub enum Packing {
    None,
    Gzip,
}

impl Layer {
    pub fn new() -> Self {
        Self(Builder::new(Vec::new()))
    }

    pub fn folder(self, path: &str, mode: u32) -> Self {
        self.entry(EntryType::Directory, path, mode, "")
    }

    pub fn file(self, path: &str, mode: u32, text: &str) -> Self {
        self.entry(EntryType::Regular, path, mode, text)
    }

    pub fn add(mut self, entry: Entry<'_>) -> Self {
        let (kind, path, target) = match entry {
            Entry::Symlink(path, target) => (EntryType::Symlink, path, target),
            Entry::Hard(path, target) => (EntryType::Link, path, target),
            Entry::Device(path) => (EntryType::Char, path, ""),
        };
        let mut header = header(kind, 0o777, 0);
        if kind == EntryType::Char {
            self.0.append_data(&mut header, path, std::io::empty()).unwrap();
        } else {
            self.0.append_link(&mut header, path, target).unwrap();
        }
        self
    }

    /// A file under a name that the library would not write.
    pub fn raw_file(mut self, path: &str) -> Self {
        let mut header = header(EntryType::Regular, 0o644, 0);
        header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        self.0.append(&header, std::io::empty()).unwrap();
        self
    }

    fn entry(mut self, kind: EntryType, path: &str, mode: u32, text: &str) -> Self {
        self.0.append_data(&mut header(kind, mode, text.len()), path, text.as_bytes()).unwrap();
        self
    }

    /// Changes bytes behind the back of the configuration that names the layer's digest.
    pub fn replace(&mut self, from: &str, to: &str) {
        let bytes = self.0.get_mut();
        let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }

    fn bytes(&self) -> &[u8] {
        self.0.get_ref()
    }
}

fn header(kind: EntryType, mode: u32, size: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size as u64);
    header.set_mtime(1_000_000_000);
    header
}

impl Made {
    pub fn of(mut layers: Vec<Layer>) -> Self {
        layers.iter_mut().for_each(|layer| layer.0.finish().unwrap());
        let digests: Vec<_> = layers.iter().map(|layer| digest(layer.bytes())).collect();
        let configuration = json!({
            "os": "linux", "architecture": "amd64", "rootfs": { "type": "layers", "diff_ids": digests },
            "config": { "Volumes": { "/data": {} } },
        });
        Self { layers, configuration: configuration.to_string().into_bytes() }
    }

    pub fn id(&self) -> String {
        digest(&self.configuration)
    }

    /// As `docker save` does.
    pub fn save(&self, name: &str, path: &Path) {
        let mut archive = Builder::new(File::create(path).unwrap());
        let mut put = |name: &str, bytes: &[u8]| {
            archive.append_data(&mut header(EntryType::Regular, 0o644, bytes.len()), name, bytes).unwrap();
        };
        let names: Vec<_> = (0..self.layers.len()).map(|number| format!("{number}/layer.tar")).collect();
        for (name, layer) in names.iter().zip(&self.layers) {
            put(name, layer.bytes());
        }
        put("config.json", &self.configuration);
        let manifest = json!([{ "Config": "config.json", "RepoTags": [name], "Layers": names }]);
        put("manifest.json", manifest.to_string().as_bytes());
        archive.finish().unwrap();
    }

    /// As the OCI lays images out in a folder.
    pub fn lay_out(&self, name: &str, packing: Packing, folder: &Path) {
        let (blobs, manifest) = self.blobs(packing);
        fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
        for (digest, bytes) in &blobs {
            fs::write(folder.join("blobs/sha256").join(digest.trim_start_matches("sha256:")), bytes).unwrap();
        }
        let entry = json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": manifest, "size": blobs[&manifest].len(),
            "annotations": { "org.opencontainers.image.ref.name": name },
        });
        fs::write(folder.join("index.json"), json!({ "schemaVersion": 2, "manifests": [entry] }).to_string()).unwrap();
        fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion": "1.0.0"}"#).unwrap();
    }

    /// Every blob by its digest, and the digest of the manifest among them.
    fn blobs(&self, packing: Packing) -> (HashMap<String, Vec<u8>>, String) {
        let mut blobs = HashMap::new();
        let mut put = |bytes: Vec<u8>, kind: &str| {
            let (digest, size) = (digest(&bytes), bytes.len());
            blobs.insert(digest.clone(), bytes);
            json!({ "mediaType": kind, "digest": digest, "size": size })
        };
        let layers: Vec<_> = self
            .layers
            .iter()
            .map(|layer| put(packed(layer.bytes(), packing), "application/vnd.oci.image.layer.v1.tar+gzip"))
            .collect();
        let config = put(self.configuration.clone(), "application/vnd.oci.image.config.v1+json");
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let manifest = json!({ "schemaVersion": 2, "mediaType": kind, "config": config, "layers": layers });
        let manifest = put(manifest.to_string().into_bytes(), kind);
        let digest = manifest["digest"].as_str().unwrap().to_owned();
        (blobs, digest)
    }
}

fn packed(bytes: &[u8], packing: Packing) -> Vec<u8> {
    match packing {
        Packing::None => bytes.to_vec(),
        Packing::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// A registry with one image, as the OCI's distribution specification has it, for as long as the test's process lives.
pub struct Registry {
    pub address: String,
    /// The digest of the image's manifest.
    pub manifest: String,
}

impl Registry {
    pub fn with(made: &Made, repository: &str, tag: &str) -> Self {
        Self::serving(made.blobs(Packing::Gzip), repository, tag)
    }

    /// One whose layers are another image's.
    pub fn lying(made: &Made, other: &Made, repository: &str, tag: &str) -> Self {
        let (mut blobs, manifest) = made.blobs(Packing::Gzip);
        let right = digest(&packed(made.layers[0].bytes(), Packing::Gzip));
        blobs.insert(right, packed(other.layers[0].bytes(), Packing::Gzip));
        Self::serving((blobs, manifest), repository, tag)
    }

    fn serving((blobs, manifest): (HashMap<String, Vec<u8>>, String), repository: &str, tag: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut paths: HashMap<String, Vec<u8>> = HashMap::from([("/v2/".to_owned(), Vec::new())]);
        for (digest, bytes) in &blobs {
            paths.insert(format!("/v2/{repository}/blobs/{digest}"), bytes.clone());
        }
        for name in [tag, &manifest] {
            paths.insert(format!("/v2/{repository}/manifests/{name}"), blobs[&manifest].clone());
        }
        let paths = Arc::new(paths);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let paths = Arc::clone(&paths);
                thread::spawn(move || answer(stream, &paths));
            }
        });
        Self { address, manifest }
    }
}

fn answer(mut stream: TcpStream, paths: &HashMap<String, Vec<u8>>) {
    let mut request = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    request.read_line(&mut line).unwrap();
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    while line.trim() != "" {
        line.clear();
        request.by_ref().read_line(&mut line).unwrap();
    }
    let kind = if path.contains("/manifests/") {
        "application/vnd.oci.image.manifest.v1+json"
    } else {
        "application/octet-stream"
    };
    let (status, bytes) = paths.get(&path).map_or(("404 Not Found", &b"{}"[..]), |bytes| ("200 OK", bytes));
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        bytes.len()
    );
    // A client may go away before it has everything.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(bytes));
}
