//! The site: its folder, its keys, its registry, its store.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use serde::Serialize;
use sluis_bucket::{Bucket, BucketConfig, Options};
use sluis_journal::{Disk, OsDisk};
use sluis_model::{Address, Labels, Region};
use sluis_policy::{Duty, PolicySet};
use sluis_store::{Backend, Store, StoreError};

use crate::{
    AccessError, Audit, Caller, Permit, SiteConfig, Verdict,
    audit::{Entry, Written},
    decision::Basis,
    keys::{self, SiteKeys, Unlock},
    policies,
    quota::Meter,
    registry::{Registry, RegistryFolder, RegistryInForce},
};

/// The file that makes a folder a site.
pub(crate) const CONFIG: &str = "site.yaml";

/// The folder of the store, if it is not in a bucket.
pub(crate) const STORE: &str = "store";

/// Opens the bucket of a store, if it lies where it must. If not, that is written down.
pub(crate) fn open_bucket(config: &BucketConfig, audit: &Audit) -> Result<Arc<dyn Backend>, AccessError> {
    match Bucket::open(config, Options::default()) {
        Ok(bucket) => Ok(Arc::new(bucket)),
        Err(error) => {
            if let StoreError::Forbidden { .. } = &error {
                let mut entry = Entry::new("use-store");
                entry.decision = Some(Verdict::Deny);
                entry.region = config.region().to_string();
                entry.reasons = vec![error.to_string()];
                audit.decide(&entry)?;
            }
            Err(error.into())
        }
    }
}

/// What anybody who may use the site may know of an object.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ObjectFacts {
    /// Its address.
    pub address: Address,
    /// Bytes of plaintext.
    pub size: u64,
    /// Its label sets: the data it was made from, once for each way in which it was made.
    pub labels: Vec<Labels>,
}

/// What the audit log was last told of.
#[derive(Default, Debug)]
struct Told {
    /// The digests of registry and policies.
    registry: String,
    policies: String,
    /// The newest record of these.
    written: Option<Written>,
}

/// An open site. Threads share it; other processes may have the same site open.
#[derive(Debug)]
pub struct Site {
    folder: PathBuf,
    config: SiteConfig,
    keys: SiteKeys,
    registry: RegistryFolder,
    policies: PolicySet,
    caller: Caller,
    told: Mutex<Told>,
    store: Store,
    audit: Audit,
    meter: Meter,
    /// What comes with the permits that were given out.
    duties: Mutex<BTreeSet<Duty>>,
}

impl Site {
    /// Whether there is a site in the folder.
    pub fn exists(folder: &Path) -> bool {
        folder.join(CONFIG).exists()
    }

    /// Opens the site in a folder. A site that trusts issuers is opened by nobody until [`Site::used_by`] says by whom;
    /// a personal one by the person who runs it.
    ///
    /// # Errors
    /// If its configuration, policies, keys or store cannot be used, or its audit log's checkpoint was not signed by it.
    pub fn open(folder: &Path) -> Result<Self, AccessError> {
        Self::open_with(folder, &keys::nothing)
    }

    /// As [`Site::open`], of a site whose secret key may be protected: then `unlock` is asked for what opens it.
    ///
    /// # Errors
    /// As [`Site::open`], and if what `unlock` gives does not open the key.
    pub fn open_with(folder: &Path, unlock: &Unlock<'_>) -> Result<Self, AccessError> {
        Self::open_on(folder, unlock, Arc::new(OsDisk))
    }

    /// As [`Site::open_with`], with an audit log that is written through `disk`.
    ///
    /// # Errors
    /// As [`Site::open_with`].
    pub fn open_on(folder: &Path, unlock: &Unlock<'_>, disk: Arc<dyn Disk>) -> Result<Self, AccessError> {
        let config = SiteConfig::read(&folder.join(CONFIG))?;
        let keys = SiteKeys::open(&folder.join("keys"), unlock)?;
        let audit = Audit::open(&folder.join("audit"), keys.audit(), keys.audit_public(), disk)?;
        let registry = RegistryFolder::new(folder);
        let policies = policies::read(&folder.join(policies::FOLDER))?;
        let caller = if config.identity.is_none() { Caller::self_issued() } else { Caller::nobody() };
        let store = match &config.bucket {
            None => Store::open(&folder.join(STORE))?,
            Some(bucket) => Store::open_on(open_bucket(bucket, &audit)?)?,
        };
        let (folder, told, meter) = (folder.to_owned(), Mutex::default(), Meter::default());
        let duties = Mutex::default();
        Ok(Self { folder, config, keys, registry, policies, caller, told, store, audit, meter, duties })
    }

    /// The site's folder.
    pub fn dir(&self) -> &Path {
        &self.folder
    }

    /// The site's configuration.
    pub const fn config(&self) -> &SiteConfig {
        &self.config
    }

    /// Whether it is of one person, for whom nobody else vouches.
    pub const fn is_personal(&self) -> bool {
        self.config.identity.is_none()
    }

    /// Where the site's own machines stand.
    pub const fn region(&self) -> Region {
        Region::on_site(self.config.country)
    }

    /// The store.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The folder in which each run has a folder.
    pub fn runs_dir(&self) -> PathBuf {
        self.folder.join("runs")
    }

    /// The folder in which tokens are remembered that may be used once.
    pub fn used_tokens_dir(&self) -> PathBuf {
        self.folder.join("used-tokens")
    }

    /// The audit log.
    pub const fn audit(&self) -> &Audit {
        &self.audit
    }

    /// The same site, used by somebody else from now on. On a personal site it stays the person who runs it.
    #[must_use]
    pub fn used_by(mut self, caller: Caller) -> Self {
        if self.config.identity.is_some() {
            self.caller = caller;
        }
        self
    }

    /// The registry by which is decided: as its files say now, or as they did when they last were valid.
    ///
    /// # Errors
    /// If it is not valid and never was.
    pub fn in_force(&self) -> Result<RegistryInForce, AccessError> {
        self.registry.current()
    }

    /// What the registry by which is decided declares.
    ///
    /// # Errors
    /// As [`Site::in_force`].
    pub fn registry(&self) -> Result<Arc<Registry>, AccessError> {
        self.in_force().map(|in_force| in_force.registry)
    }

    /// The policies by which is decided.
    pub const fn policies(&self) -> &PolicySet {
        &self.policies
    }

    /// How often this process used the site's key to open the data key of an object.
    pub fn key_uses(&self) -> u64 {
        self.keys.uses()
    }

    /// What the projects have to do in return for what this process was permitted, by the terms of the data; each once.
    pub fn duties(&self) -> Vec<Duty> {
        self.duties.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(crate) fn note_duties(&self, duties: Vec<Duty>) {
        if !duties.is_empty() {
            self.duties.lock().unwrap_or_else(PoisonError::into_inner).extend(duties);
        }
    }

    pub(crate) const fn registry_folder(&self) -> &RegistryFolder {
        &self.registry
    }

    pub(crate) const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// How the audit log calls who uses the site.
    pub fn caller_name(&self) -> String {
        let registry = self.registry();
        registry.map_or_else(|_| self.caller.name_without_registry(), |registry| self.caller.told_name(&registry))
    }

    pub(crate) fn basis<'a>(&'a self, registry: &'a Registry, now: Timestamp) -> Basis<'a> {
        let allowed_places = vec![self.region().country().to_string()];
        let identity = self.config.identity.as_ref();
        Basis { registry, policies: &self.policies, caller: &self.caller, identity, allowed_places, now, asked: now }
    }

    pub(crate) const fn meter(&self) -> &Meter {
        &self.meter
    }

    pub(crate) const fn keys(&self) -> &SiteKeys {
        &self.keys
    }

    /// Tells the audit log, once for each state of the registry's files, that they are not valid and so not in force, and
    /// which consents they would take back.
    ///
    /// # Errors
    /// If that cannot be written down.
    pub fn note_refused_registry(&self, in_force: &RegistryInForce) -> Result<(), AccessError> {
        let Some(digest) = in_force.refused.as_ref().filter(|digest| self.registry.is_newly_refused(digest)) else {
            return Ok(());
        };
        let mut entry = Entry::new("refuse-registry");
        entry.registry.clone_from(&in_force.registry.digest);
        let problems = in_force.problems.as_ref().map_or(0, |problems| problems.iter().count());
        let facts = [("refused", digest.clone()), ("problems", problems.to_string())];
        entry.facts = facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let held = in_force.not_yet_withdrawn.iter();
        entry.reasons = held.map(|whose| format!("the consent of {whose} is taken back and still holds")).collect();
        self.audit.record(&entry)?;
        self.registry.keep_refused(digest)
    }

    /// Tells the audit log by what registry and policies is decided from now on, if they are others than before. Gives the
    /// newest record of these, which comes to the disk with that of a decision, behind it.
    pub(crate) fn note_basis(&self, registry: &Registry) -> Result<Option<Written>, AccessError> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.registry != registry.digest {
            let mut entry = Entry::new("load-registry");
            entry.registry.clone_from(&registry.digest);
            told.written = Some(self.audit.note(&entry)?);
            told.registry.clone_from(&registry.digest);
        }
        let policies = self.policies.digest().to_string();
        if told.policies != policies {
            let mut entry = Entry::new("load-policies");
            entry.policies = vec![policies.clone()];
            told.written = Some(self.audit.note(&entry)?);
            told.policies = policies;
        }
        Ok(told.written.clone())
    }

    /// Refuses a permit that another site gave out.
    pub(crate) fn check_origin(&self, permit: &Permit) -> Result<(), AccessError> {
        if permit.site == self.keys.recipient() {
            return Ok(());
        }
        Err(AccessError::NotCovered("this site".to_owned()))
    }

    /// How many bytes an object's plaintext has, without opening it.
    ///
    /// # Errors
    /// If it is not there or damaged.
    pub fn size(&self, address: &Address) -> Result<u64, AccessError> {
        Ok(self.record_of(&self.stored(address)?)?.length)
    }

    /// What the store says of an object, without opening it.
    ///
    /// # Errors
    /// If it is not there or damaged.
    pub fn facts(&self, address: &Address) -> Result<ObjectFacts, AccessError> {
        let object = self.stored(address)?;
        let size = self.record_of(&object)?.length;
        Ok(ObjectFacts { address: *address, size, labels: self.label_sets(&object)? })
    }
}
