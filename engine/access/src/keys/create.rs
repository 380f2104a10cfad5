//! Making the keys of a new site.

use std::{fs, os::unix::fs::DirBuilderExt, path::Path};

use sluis_crypt4gh::{SecretKey, key_file};
use zeroize::Zeroizing;

use super::{
    AUDIT_PUBLIC, SiteKeys, audit_key,
    files::{ADDRESS_KEY, AUDIT_SECRET, SITE_PUBLIC, SITE_SECRET, sealed, write_new},
    fill_random,
};
use crate::AccessError;

impl SiteKeys {
    /// Makes new keys in a folder that does not exist yet.
    pub(crate) fn create(folder: &Path) -> Result<(), AccessError> {
        fs::DirBuilder::new().mode(0o700).create(folder).map_err(AccessError::file(folder, "made"))?;
        let site = SecretKey::generate()?;
        write_new(&folder.join(SITE_SECRET), key_file::write_secret_key(&site).as_bytes())?;
        write_new(&folder.join(SITE_PUBLIC), key_file::write_public_key(&site.public_key()).as_bytes())?;
        let mut seed = Zeroizing::new([0_u8; 32]);
        for name in [ADDRESS_KEY, AUDIT_SECRET] {
            fill_random(&mut *seed)?;
            let path = folder.join(name);
            write_new(&path, &sealed(&path, &[site.public_key()], &*seed)?)?;
        }
        write_new(&folder.join(AUDIT_PUBLIC), audit_key::public_text(&audit_key::pair(&seed, folder)?).as_bytes())
    }
}
