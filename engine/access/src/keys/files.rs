//! The files in the folder of the keys: how they are read, written, and replaced as a whole.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use sluis_crypt4gh::{PublicKey, SecretKey, key_file};
use zeroize::Zeroizing;

use crate::AccessError;

pub(super) const SITE_SECRET: &str = "site.sec";
pub(super) const SITE_PUBLIC: &str = "site.pub";
pub(super) const ADDRESS_KEY: &str = "address.c4gh";
pub(super) const AUDIT_SECRET: &str = "audit.c4gh";
/// The key pair that takes the place of the site's when everything is sealed for it, too.
pub(super) const NEW_SECRET: &str = "site.new.sec";
pub(super) const NEW_PUBLIC: &str = "site.new.pub";
/// The key pair whose place was taken, as long as anything may be sealed for it alone.
pub(super) const OLD_SECRET: &str = "site.old.sec";
pub(super) const OLD_PUBLIC: &str = "site.old.pub";

/// What is added to the name of a file that is not whole yet.
const UNFINISHED: &str = "tmp";
/// Every file that is ever replaced.
const REPLACED: [&str; 8] =
    [SITE_SECRET, SITE_PUBLIC, ADDRESS_KEY, AUDIT_SECRET, NEW_SECRET, NEW_PUBLIC, OLD_SECRET, OLD_PUBLIC];

/// Writes a file that does not exist yet, for its owner alone.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), AccessError> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(AccessError::file(path, "written"))
}

/// Puts a file in the place of another, durably: at any time there is one of the two, and it is whole.
pub(super) fn replace(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), AccessError> {
    let unfinished = folder.join(format!("{name}.{UNFINISHED}"));
    remove(&unfinished)?;
    write_new(&unfinished, bytes)?;
    rename(folder, &format!("{name}.{UNFINISHED}"), name)
}

/// Renames a file, durably.
pub(super) fn rename(folder: &Path, from: &str, to: &str) -> Result<(), AccessError> {
    fs::rename(folder.join(from), folder.join(to)).map_err(AccessError::file(&folder.join(to), "replaced"))?;
    sync(folder)
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), AccessError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(AccessError::file(path, "removed")(error)),
        _ => Ok(()),
    }
}

/// Removes what an interrupted replacement left. Only one process may change keys then.
pub(super) fn remove_unfinished(folder: &Path) -> Result<(), AccessError> {
    REPLACED.iter().try_for_each(|name| remove(&folder.join(format!("{name}.{UNFINISHED}"))))
}

/// Makes what was renamed or removed in the folder durable.
pub(super) fn sync(folder: &Path) -> Result<(), AccessError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(AccessError::file(folder, "flushed to the disk"))
}

/// A file that may be there.
pub(super) fn read_text(path: &Path) -> Result<Option<Zeroizing<String>>, AccessError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(AccessError::file(path, "read")(error)),
    }
}

/// The public key in a file, if it is there and holds one.
pub(super) fn read_public(path: &Path) -> Option<PublicKey> {
    key_file::read_public_key(&fs::read_to_string(path).ok()?).ok()
}

/// A secret as it is kept: a Crypt4GH file for some recipients.
pub(super) fn sealed(path: &Path, recipients: &[PublicKey], secret: &[u8]) -> Result<Vec<u8>, AccessError> {
    let mut sealed = Vec::new();
    sluis_crypt4gh::seal(secret, &mut sealed, recipients)
        .map_err(|error| AccessError::Key { path: path.to_owned(), reason: error.to_string() })?;
    Ok(sealed)
}

/// The secret of 32 bytes that is sealed in a file.
pub(super) fn read_sealed(path: &Path, key: &SecretKey) -> Result<Zeroizing<[u8; 32]>, AccessError> {
    let mut file = File::open(path).map_err(AccessError::file(path, "read"))?;
    let mut sealed = Vec::new();
    file.read_to_end(&mut sealed).map_err(AccessError::file(path, "read"))?;
    // Room for the whole secret from the start: a buffer that grows would leave a copy behind.
    let mut secret = Zeroizing::new(Vec::with_capacity(1024));
    sluis_crypt4gh::open(&sealed[..], &mut *secret, key)
        .map_err(|error| AccessError::Key { path: path.to_owned(), reason: error.to_string() })?;
    let bytes = secret.as_slice().try_into().map(Zeroizing::new);
    bytes.map_err(|_| AccessError::Key { path: path.to_owned(), reason: "it has the wrong length".to_owned() })
}

/// The file beside the folder of the keys that has the public keys that were given up, a line of hexadecimal digits each.
fn retired(folder: &Path) -> PathBuf {
    folder.with_file_name("retired-keys")
}

/// Writes down, durably, that a key is given up.
pub(super) fn retire(folder: &Path, key: &PublicKey) -> Result<(), AccessError> {
    let path = retired(folder);
    let write = || {
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
        file.write_all(format!("{}\n", hex::encode(key.as_bytes())).as_bytes())?;
        file.sync_all()
    };
    write().map_err(AccessError::file(&path, "written"))?;
    path.parent().map_or(Ok(()), sync)
}

/// Refuses a key that was given up: what is sealed for another one would look damaged to it.
pub(super) fn refuse_if_retired(folder: &Path, key: &PublicKey) -> Result<(), AccessError> {
    let hex = hex::encode(key.as_bytes());
    match read_text(&retired(folder))? {
        Some(text) if text.lines().any(|line| line == hex) => {
            let reason =
                "a rotation gave this key up; put the copy of the whole folder that was made after it in its place";
            Err(AccessError::Key { path: folder.join(SITE_SECRET), reason: reason.to_owned() })
        }
        _ => Ok(()),
    }
}

/// Seals the keys for addresses and for the audit log anew, for these recipients.
pub(super) fn reseal(folder: &Path, key: &SecretKey, recipients: &[PublicKey]) -> Result<(), AccessError> {
    for name in [ADDRESS_KEY, AUDIT_SECRET] {
        let secret = read_sealed(&folder.join(name), key)?;
        replace(folder, name, &sealed(&folder.join(name), recipients, &*secret)?)?;
    }
    Ok(())
}

/// Refuses a file or folder that gives others any of these rights.
pub(super) fn refuse_if_shared(path: &Path, rights: u32, wanted: &str) -> Result<(), AccessError> {
    refuse_shared(path, &fs::metadata(path).map_err(AccessError::file(path, "read"))?, rights, wanted)
}

/// As [`refuse_if_shared`], of a file that was looked at already.
pub(super) fn refuse_shared(path: &Path, facts: &Metadata, rights: u32, wanted: &str) -> Result<(), AccessError> {
    let mode = facts.mode();
    if mode & rights == 0 {
        return Ok(());
    }
    let reason = format!("others on this machine may use it (mode {:o}); run `chmod {wanted}` on it", mode & 0o777);
    Err(AccessError::Key { path: path.to_owned(), reason })
}

/// Refuses a file that says none of what is expected.
pub(super) fn check_public(path: &Path, expected: &[String]) -> Result<(), AccessError> {
    let found = fs::read_to_string(path).map_err(AccessError::file(path, "read"))?;
    if expected.iter().any(|expected| found.trim() == expected.trim()) {
        return Ok(());
    }
    let reason = "it does not belong to the site's secret key; put the copy from your backup in its place".to_owned();
    Err(AccessError::Key { path: path.to_owned(), reason })
}
