//! The site's keys: the one it opens data with, the one addresses are made with, the one the audit log is signed with.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use sluis_crypt4gh::{HeaderPacket, PacketContent, PublicKey, SecretKey, key_file};
use zeroize::Zeroizing;

use crate::AccessError;

const SITE_SECRET: &str = "site.sec";
const SITE_PUBLIC: &str = "site.pub";
const ADDRESS_KEY: &str = "address.c4gh";
const AUDIT_SECRET: &str = "audit.c4gh";
/// The file that outsiders need to verify the audit log: 64 hexadecimal digits of an Ed25519 public key.
pub(crate) const AUDIT_PUBLIC: &str = "audit.pub";

/// The keys of an open site.
pub(crate) struct SiteKeys {
    site: SecretKey,
    address: Zeroizing<[u8; 32]>,
    record: Zeroizing<[u8; 32]>,
    task: Zeroizing<[u8; 32]>,
    audit: Arc<Ed25519KeyPair>,
    /// How often a data key was opened.
    opened: AtomicU64,
}

impl SiteKeys {
    /// Makes new keys in a folder that does not exist yet.
    pub(crate) fn create(folder: &Path) -> Result<(), AccessError> {
        fs::DirBuilder::new().mode(0o700).create(folder).map_err(AccessError::file(folder, "made"))?;
        let site = SecretKey::generate()?;
        write_new(&folder.join(SITE_SECRET), key_file::write_secret_key(&site).as_bytes())?;
        write_new(&folder.join(SITE_PUBLIC), key_file::write_public_key(&site.public_key()).as_bytes())?;
        let mut address = Zeroizing::new([0; 32]);
        fill_random(&mut address)?;
        write_sealed(&folder.join(ADDRESS_KEY), &site.public_key(), &*address)?;
        let mut seed = Zeroizing::new([0; 32]);
        fill_random(&mut seed)?;
        write_sealed(&folder.join(AUDIT_SECRET), &site.public_key(), &*seed)?;
        write_new(&folder.join(AUDIT_PUBLIC), audit_public_text(&audit_pair(&seed, folder)?).as_bytes())
    }

    /// Reads the keys; refuses a secret key that others may read.
    pub(crate) fn open(folder: &Path) -> Result<Self, AccessError> {
        let path = folder.join(SITE_SECRET);
        // Who can write the folder can put other keys in it.
        refuse_if_shared(folder, 0o022, "700")?;
        refuse_if_shared(&path, 0o077, "600")?;
        let text = fs::read_to_string(&path).map(Zeroizing::new).map_err(AccessError::file(&path, "read"))?;
        let unusable =
            |error: key_file::SecretKeyError| AccessError::Key { path: path.clone(), reason: error.to_string() };
        let site = key_file::read_secret_key(&text).map_err(unusable)?;
        let address = read_sealed(&folder.join(ADDRESS_KEY), &site)?;
        let seed = read_sealed(&folder.join(AUDIT_SECRET), &site)?;
        let audit = audit_pair(&seed, folder)?;
        // What is handed to others must be what is used.
        check_public(&folder.join(SITE_PUBLIC), &key_file::write_public_key(&site.public_key()))?;
        check_public(&folder.join(AUDIT_PUBLIC), &audit_public_text(&audit))?;
        let derive = |purpose| Zeroizing::new(blake3::derive_key(purpose, &*address));
        let (record, task) = (derive("sluis 1 record authentication"), derive("sluis 1 task keys"));
        Ok(Self { audit: Arc::new(audit), site, address, record, task, opened: AtomicU64::new(0) })
    }

    /// Opens a header packet that was sealed for the site. Each use of the key counts.
    pub(crate) fn open_packet(&self, packet: &HeaderPacket) -> Option<PacketContent> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        packet.open(&self.site).ok()
    }

    /// How often the site's key was used to open a header packet.
    pub(crate) fn uses(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// The public half of it.
    pub(crate) const fn recipient(&self) -> PublicKey {
        self.site.public_key()
    }

    pub(crate) fn address_key(&self) -> &[u8; 32] {
        &self.address
    }

    pub(crate) fn record_key(&self) -> &[u8; 32] {
        &self.record
    }

    pub(crate) fn task_key(&self) -> &[u8; 32] {
        &self.task
    }

    /// The key that signs the audit log's checkpoints.
    pub(crate) const fn audit(&self) -> &Arc<Ed25519KeyPair> {
        &self.audit
    }

    pub(crate) fn audit_public(&self) -> &[u8] {
        self.audit.public_key().as_ref()
    }
}

impl std::fmt::Debug for SiteKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SiteKeys")
    }
}

fn fill_random(bytes: &mut Zeroizing<[u8; 32]>) -> Result<(), AccessError> {
    aws_lc_rs::rand::fill(&mut **bytes).map_err(|_| sluis_crypt4gh::CryptoError::Random.into())
}

fn audit_pair(seed: &Zeroizing<[u8; 32]>, folder: &Path) -> Result<Ed25519KeyPair, AccessError> {
    Ed25519KeyPair::from_seed_unchecked(&**seed)
        .map_err(|error| AccessError::Key { path: folder.join(AUDIT_SECRET), reason: error.to_string() })
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), AccessError> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(AccessError::file(path, "written"))
}

fn write_sealed(path: &Path, recipient: &PublicKey, secret: &[u8]) -> Result<(), AccessError> {
    let mut sealed = Vec::new();
    sluis_crypt4gh::seal(secret, &mut sealed, &[*recipient])
        .map_err(|error| AccessError::Key { path: path.to_owned(), reason: error.to_string() })?;
    write_new(path, &sealed)
}

fn read_sealed(path: &PathBuf, key: &SecretKey) -> Result<Zeroizing<[u8; 32]>, AccessError> {
    let mut file = File::open(path).map_err(AccessError::file(path, "read"))?;
    let mut sealed = Vec::new();
    file.read_to_end(&mut sealed).map_err(AccessError::file(path, "read"))?;
    // Room for the whole secret from the start: a buffer that grows would leave a copy behind.
    let mut secret = Zeroizing::new(Vec::with_capacity(1024));
    sluis_crypt4gh::open(&sealed[..], &mut *secret, key)
        .map_err(|error| AccessError::Key { path: path.clone(), reason: error.to_string() })?;
    let bytes = secret.as_slice().try_into().map(Zeroizing::new);
    bytes.map_err(|_| AccessError::Key { path: path.clone(), reason: "it has the wrong length".to_owned() })
}

fn audit_public_text(audit: &Ed25519KeyPair) -> String {
    format!("{}\n", hex::encode(audit.public_key().as_ref()))
}

fn check_public(path: &Path, expected: &str) -> Result<(), AccessError> {
    let found = fs::read_to_string(path).map_err(AccessError::file(path, "read"))?;
    if found.trim() == expected.trim() {
        return Ok(());
    }
    let reason = "it does not belong to the site's secret key; put the copy from your backup in its place".to_owned();
    Err(AccessError::Key { path: path.to_owned(), reason })
}

/// Refuses a file or folder that gives others any of these rights.
fn refuse_if_shared(path: &Path, rights: u32, wanted: &str) -> Result<(), AccessError> {
    let mode = fs::metadata(path).map_err(AccessError::file(path, "read"))?.mode();
    if mode & rights == 0 {
        return Ok(());
    }
    let reason = format!("others on this machine may use it (mode {:o}); run `chmod {wanted}` on it", mode & 0o777);
    Err(AccessError::Key { path: path.to_owned(), reason })
}
