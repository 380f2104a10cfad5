//! Refusals, and what else can go wrong.

use std::{fmt, io, path::PathBuf};

use sluis_crypt4gh::{BodyError, CryptoError};
use sluis_journal::JournalError;
use sluis_model::{Address, TaskKey};
use sluis_store::StoreError;
use sluis_yaml::Diagnostics;

use crate::{quota::Bytes, unseal::WrongContent};

/// Why access is not given, with what would change that.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// What was asked for, as `read b3:… for a task`.
    pub action: String,
    /// Every reason, not only the first.
    pub reasons: Vec<Reason>,
}

/// One reason of a refusal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Reason {
    /// What is missing or against it.
    pub text: String,
    /// What would remove it; may go on with lines of YAML.
    pub remedy: String,
    /// The policy that is against it.
    pub policy: String,
}

impl From<sluis_policy::Reason> for Reason {
    fn from(reason: sluis_policy::Reason) -> Self {
        Self { text: reason.text, remedy: reason.remedy, policy: reason.policy.to_string() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "access refused: {}", self.action)?;
        self.reasons.iter().try_for_each(|reason| {
            write!(f, "\n  {}\n    remedy: {}", reason.text, reason.remedy.replace('\n', "\n      "))
        })
    }
}

/// Why the site did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The decision was no.
    #[error("{0}")]
    Refused(Refusal),
    /// A stored object is not what was sealed.
    #[error(
        "the object {address} is damaged: {part} is not what was sealed; it was set aside in store/damaged, so run \
         the workflow again or put the file again to make it anew"
    )]
    Damaged {
        /// The object.
        address: Address,
        /// Which part.
        part: String,
    },
    /// An entry of the task cache is not what was written.
    #[error("the entry of {key} in the task cache is damaged; run with --no-cache to replace it")]
    DamagedTask {
        /// The task's key.
        key: TaskKey,
    },
    /// There is no such object.
    #[error("there is no object {0} in this site")]
    NotFound(Address),
    /// There is nothing to grant or take away of what everybody may read.
    #[error("the object {0} is public: it is not sealed, so nobody needs a grant for it")]
    Public(Address),
    /// Nobody, or not this recipient, was granted the object.
    #[error("the object {0} was not granted to this recipient; `sluis grant` grants it")]
    NotGranted(Address),
    /// The permit in hand is for something else.
    #[error("the permit does not cover {0}")]
    NotCovered(String),
    /// The plaintext to be sealed or given out could not be read.
    #[error("the data cannot be read")]
    Plaintext(#[source] io::Error),
    /// The store would hold more than it may.
    #[error(
        "nothing more is sealed: the store holds {} of its quota of {}; `sluis store gc --dry-run` tells what can go, \
         `sluis store du --by run` who uses it; or raise `quota` in site.yaml",
        Bytes(*used),
        Bytes(*quota)
    )]
    Quota {
        /// What it holds, with what else is being sealed, in bytes.
        used: u64,
        /// What it may hold, in bytes.
        quota: u64,
    },
    /// The plaintext could not be written where it was to go.
    #[error("the data cannot be written")]
    Output(#[source] io::Error),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The audit log could not be written, so nothing is done.
    #[error("the audit log cannot be written, so access is refused")]
    Audit(#[source] JournalError),
    /// The audit log does not agree with its checkpoint.
    #[error(transparent)]
    AuditLog(#[from] crate::AuditError),
    /// The registry cannot be read, so everything is refused.
    #[error("the registry is not valid, so access is refused:\n{0}")]
    Registry(Diagnostics),
    /// A delegation cannot be made, used or taken back.
    #[error(transparent)]
    Delegate(#[from] crate::DelegateError),
    /// Nothing leaves by the airlock.
    #[error(transparent)]
    Airlock(#[from] crate::AirlockError),
    /// A policy that the site added cannot be used, so everything is refused.
    #[error("the site's policies are not valid, so access is refused")]
    Policies(#[from] sluis_policy::PolicyError),
    /// `site.yaml` cannot be read.
    #[error("the site's configuration is not valid:\n{0}")]
    Config(Diagnostics),
    /// A file of the site could not be read or written.
    #[error("{path} cannot be {doing}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A key file is not one, or others can read it.
    #[error("the key {path} cannot be used: {reason}", path = path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The site's key cannot be opened or changed.
    #[error(transparent)]
    KeyChange(#[from] crate::KeyChangeError),
    /// The site's secret key cannot be split into shares.
    #[error(transparent)]
    Recovery(#[from] crate::RecoveryError),
    /// The cryptographic library refused to work.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// A site cannot be called so.
    #[error("{0}")]
    SiteName(String),
    /// There is a site in the folder already.
    #[error("there is a site at {path} already", path = _0.display())]
    Exists(PathBuf),
    /// Something stands where a part of a new site would be made.
    #[error(
        "no site can be made here, since {path} exists; choose another folder, or move it away if it is not needed",
        path = _0.display()
    )]
    InTheWay(PathBuf),
}

impl AccessError {
    /// For `map_err` on reads from an object: tells damage of the object from other faults.
    pub fn from_reading(address: &Address) -> impl Fn(io::Error) -> Self + use<> {
        let address = *address;
        move |error| {
            // The key's use could not be written down.
            let error = match error.downcast::<JournalError>() {
                Ok(error) => return Self::Audit(error),
                Err(error) => error,
            };
            let part = error.get_ref().and_then(|inner| {
                let body = inner.downcast_ref::<BodyError>().map(ToString::to_string);
                body.or_else(|| inner.downcast_ref::<WrongContent>().map(ToString::to_string))
            });
            match part {
                Some(part) => Self::Damaged { address, part: format!("its body ({part})") },
                None => Self::Plaintext(error),
            }
        }
    }

    /// For `map_err`: names a file of the site and what was tried.
    pub(crate) fn file(path: &std::path::Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, doing, source }
    }
}
