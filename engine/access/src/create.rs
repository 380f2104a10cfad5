//! Making a site, so that an interrupted attempt can be repeated and nothing that was there is touched.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    sync::Arc,
};

use jiff::Timestamp;
use sluis_journal::OsDisk;
use sluis_store::Store;

use crate::{
    AccessError, Audit, Site, SiteConfig, Verdict,
    audit::Entry,
    decision::day_of,
    keys::{self, SiteKeys},
    registry,
    registry::SELF_ISSUED,
    site::{CONFIG, STORE, open_bucket},
};

/// What becomes `site.yaml` in the last step. Until then it says that the site is being made, and its maker holds a lock
/// on it.
const UNFINISHED: &str = "site.yaml.new";
const FOLDERS: [&str; 5] = ["keys", "registry", "store", "runs", "audit"];

impl Site {
    /// Makes a personal site, with one project, one dataset and one person, and opens it.
    ///
    /// The folder may exist and hold other files. An attempt that was interrupted is begun anew.
    ///
    /// # Errors
    /// If there is a site already, or anything in the place of one of its parts, or the folder cannot be written.
    pub fn create(folder: &Path, config: &SiteConfig) -> Result<Self, AccessError> {
        let yaml = config.to_yaml().map_err(AccessError::SiteName)?;
        if Self::exists(folder) {
            return Err(AccessError::Exists(folder.to_owned()));
        }
        make_folder(folder)?;
        let unfinished = folder.join(UNFINISHED);
        refuse_what_is_in_the_way(folder)?;
        let config_file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&unfinished);
        let mut config_file = config_file.map_err(AccessError::file(&unfinished, "made"))?;
        config_file.lock().map_err(AccessError::file(&unfinished, "locked"))?;
        if Self::exists(folder) {
            // Another process was faster, and ended while this one waited.
            let _ = fs::remove_file(&unfinished);
            return Err(AccessError::Exists(folder.to_owned()));
        }
        for path in FOLDERS.map(|name| folder.join(name)) {
            if path.exists() {
                fs::remove_dir_all(&path).map_err(AccessError::file(&path, "removed"))?;
            }
        }
        make_parts(folder, config)?;
        let written = config_file
            .set_len(0)
            .and_then(|()| config_file.write_all(yaml.as_bytes()))
            .and_then(|()| config_file.sync_all())
            // Last, since a folder with this file is a site.
            .and_then(|()| fs::rename(&unfinished, folder.join(CONFIG)));
        written.map_err(AccessError::file(&unfinished, "written"))?;
        sync(folder)?;
        Self::open(folder)
    }
}

/// Only what an interrupted attempt left may be made over: then nothing was sealed yet.
fn refuse_what_is_in_the_way(folder: &Path) -> Result<(), AccessError> {
    let objects = folder.join("store/objects");
    let is_used = fs::read_dir(&objects).is_ok_and(|mut entries| entries.next().is_some());
    if folder.join(UNFINISHED).exists() && !is_used {
        return Ok(());
    }
    match FOLDERS.iter().find(|name| folder.join(name).exists()) {
        // Another process ended making it just now.
        Some(_) if Site::exists(folder) => Err(AccessError::Exists(folder.to_owned())),
        Some(name) => Err(AccessError::InTheWay(folder.join(name))),
        None => Ok(()),
    }
}

fn make_parts(folder: &Path, config: &SiteConfig) -> Result<(), AccessError> {
    SiteKeys::create(&folder.join("keys"))?;
    for name in ["registry", "runs", "audit"] {
        make_folder(&folder.join(name))?;
    }
    for (name, text) in registry::personal(day_of(Timestamp::now())) {
        write(&folder.join("registry").join(name), &text)?;
    }
    let keys = SiteKeys::open(&folder.join("keys"), &keys::nothing)?;
    let audit = Audit::open(&folder.join("audit"), keys.audit(), keys.audit_public(), Arc::new(OsDisk))?;
    let mut entry = Entry::new("create-site");
    entry.decision = Some(Verdict::Allow);
    SELF_ISSUED.clone_into(&mut entry.caller);
    entry.region = config.country.to_string();
    audit.decide(&entry)?;
    make_store(folder, config, &audit)?;
    audit.sign()?;
    FOLDERS.iter().map(|name| folder.join(name)).filter(|path| path.exists()).try_for_each(|path| sync(&path))
}

fn make_store(folder: &Path, config: &SiteConfig, audit: &Audit) -> Result<(), AccessError> {
    let Some(bucket) = &config.bucket else {
        return Ok(Store::create(&folder.join(STORE)).map(drop)?);
    };
    let store = Store::create_on(open_bucket(bucket, audit)?)?;
    // What another site sealed is of no use to this one, and its collection would take it for garbage.
    match store.addresses()?.next().transpose()? {
        None => Ok(()),
        Some(_) => Err(AccessError::InTheWay(bucket.place().to_string().into())),
    }
}

/// Makes a folder, and those above it, for the owner alone; one that is there stays as it is.
fn make_folder(folder: &Path) -> Result<(), AccessError> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(AccessError::file(folder, "made"))
}

fn write(path: &Path, text: &str) -> Result<(), AccessError> {
    let write = || {
        let mut file = File::create_new(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(AccessError::file(path, "written"))
}

fn sync(folder: &Path) -> Result<(), AccessError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(AccessError::file(folder, "flushed to the disk"))
}
