//! Identity, projects, consent and regions to a permit or a refusal; the only place that opens a data key; the audit
//! log.
//!
//! A [`Permit`] has no public constructor and no public field: it comes out of a decision of [`Site`], which is in the
//! audit log before. Who holds one can read what it covers:
//!
//! ```
//! use sluis_access::Permit;
//! fn covers(permit: &mut Permit, address: sluis_model::Address) -> bool {
//!     permit.addresses().contains(&address)
//! }
//! ```
//!
//! but cannot widen it, and cannot make one:
//!
//! ```compile_fail,E0616
//! use sluis_access::Permit;
//! fn covers(permit: &mut Permit, address: sluis_model::Address) -> bool {
//!     permit.addresses.insert(address)
//! }
//! ```
//!
//! ```compile_fail,E0599
//! let permit = sluis_access::Permit::default();
//! ```

mod airlock;
mod audit;
mod authenticated;
mod caller;
mod check;
mod config;
mod create;
mod decide;
mod decision;
mod delegate;
mod erase;
mod error;
mod explain;
mod facts_told;
mod grant;
mod intake;
mod keys;
mod listing;
mod notes;
mod permit;
mod plain;
mod policies;
mod quota;
mod registry;
mod report;
mod seal;
mod sign_in;
mod site;
mod standing;
mod task_record;
mod tasks;
mod tree;
mod unseal;
mod upkeep;
mod visas;
mod withdraw;

pub use airlock::{AirlockError, ExportLook, ExportRequest, ExportState, Look};
pub use audit::{
    Audit, AuditError, AuditFilter, AuditProof, AuditProofError, AuditReading, AuditRecord, AuditRecords, AuditSummary,
    Claim, DECIDED_ACTIONS, DONE_ACTIONS, ExpiredRecords, Outcome, Proved, Verdict, verify_audit_log,
};
pub use caller::Caller;
pub use check::{BegunCheck, Checked, LargeCheck, PartChecked};
pub use config::{
    Containers, DockerPatience, Executors, Factor, IdentityConfig, ResumeWithin, RetryPolicy, Rule, SiteConfig,
};
pub use delegate::{DelegateError, Delegated, NewDelegation};
pub use erase::{Affected, Erasure, Fate};
pub use error::{AccessError, Reason, Refusal};
pub use explain::{Able, Question, Thing};
pub use keys::{
    KeyChangeError, KeyPrompt, KeyProtection, KeyStatus, KmsKeyError, RecoveredKey, RecoveryError, RotationEnd,
    RotationStatus, RotationStep, SealedShare, TokenError, Unlock, recover_key,
};
pub use listing::Visible;
pub use permit::{Permit, ReadAction, TaskRequest};
pub use quota::Quota;
pub use registry::{
    AggregateRule, AllowedOutput, Consent, DataClass, DataKind, Dataset, Institution, Network, Person, Project,
    Registry, RegistryInForce, Role, SubjectConsent, Training, Trust,
};
pub use report::{AccessChange, AccessLine, AccessReport, AccessUse, Days, StateInForce};
pub use seal::SealedObject;
pub use site::{ObjectFacts, Site};
pub use task_record::TaskRecord;
pub use unseal::ObjectReader;
pub use upkeep::Pin;
pub use visas::{HeldVisa, VisaRules};
pub use withdraw::SubjectListing;
