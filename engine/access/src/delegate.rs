//! Delegations: a person lets a program act for them, in one project, for some actions and some time.
//!
//! The program shows a token that the site signed. A file of the site, `delegations/ID`, is there as long as the
//! delegation was not taken back; only the site can have written it (`authenticated`).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_lc_rs::signature::Ed25519KeyPair;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sluis_identity::{
    Delegation, DelegationAlgorithm, DelegationError, DelegationSigner, DelegationVerifier, Person, Secret,
};
use sluis_model::{Labels, ProjectName};
use sluis_policy::{Action, Resource};
use zeroize::Zeroizing;

use crate::{
    AccessError, Caller, HeldVisa, Site, Verdict,
    audit::Entry,
    authenticated::Kind,
    caller::ActingFor,
    decide::Found,
    error::Reason,
    notes::{Notes, new_id},
    visas::Visas,
};

const FOLDER: &str = "delegations";

/// The longest that a delegation may last.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 366);

/// A delegation that is wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewDelegation {
    /// What the program is called.
    pub service: String,
    /// In which project it may act.
    pub project: ProjectName,
    /// What it may do there.
    pub actions: BTreeSet<Action>,
    /// For how many days, up to a year.
    pub days: u16,
}

impl NewDelegation {
    /// What the audit log says of it.
    fn facts(&self, actions: String) -> BTreeMap<String, String> {
        let (service, days) = (self.service.clone(), self.days.to_string());
        let facts = [("delegated-action", actions), ("delegated-to", service), ("delegated-days", days)];
        facts.map(|(name, value)| (name.to_owned(), value)).into()
    }
}

/// A delegation that is in force, or whose time is over.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Delegated {
    /// Its identifier.
    pub id: String,
    /// The program.
    pub service: String,
    /// For whom it acts, by their name in the registry when it was made.
    pub person: String,
    /// In which project.
    pub project: String,
    /// What it may do there.
    pub actions: BTreeSet<String>,
    /// Until when.
    pub until: Timestamp,
    /// What the person's visas said when it was made. They count until they expire, and no list has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) visas: Vec<HeldVisa>,
}

/// Why there is no delegation.
#[derive(Debug, thiserror::Error)]
pub enum DelegateError {
    /// Nobody vouches for who wants to delegate.
    #[error("only a person for whom an issuer vouches can delegate; log in with `sluis login`")]
    NoPerson,
    /// It is somebody else's.
    #[error("the delegation {id} is {person}'s, and theirs to take back")]
    OtherPerson {
        /// The delegation.
        id: String,
        /// Who made it.
        person: String,
    },
    /// There is no such delegation.
    #[error("there is no delegation {0}, or it was taken back already")]
    Unknown(String),
    /// The token is not good, or the delegation cannot be signed.
    #[error(transparent)]
    Token(#[from] DelegationError),
    /// The site's key cannot sign.
    #[error("the site's key for delegations cannot be made")]
    Key,
}

impl Site {
    /// Lets a program act for the caller. What it may do, the caller must be able to do in that project, and is not for
    /// people alone. That it was done is in the audit log before the delegation is kept.
    ///
    /// # Errors
    /// If they may not, or are no person for whom an issuer vouches; or it cannot be written down.
    pub fn delegate(&self, new: &NewDelegation) -> Result<Secret, AccessError> {
        let Some(delegated_by) = self.caller().person() else {
            return Err(self.refuse_nobody("delegate", Some(&new.project))?);
        };
        for action in &new.actions {
            let asked = self.asked(*action, Resource::Project(new.project.clone()), Some(&new.project));
            let text = format!("delegate `{action}` to {} for the project {}", new.service, new.project);
            let reasons = action.is_for_people().then(|| for_people(*action)).into_iter().collect();
            let mut entry = Entry::new("delegate");
            entry.facts = new.facts(action.to_string());
            self.decide(&asked, text, entry, |_, _| Ok(Found { reasons, ..Found::default() }))?;
        }
        let now = Timestamp::now();
        let expires = now.checked_add(SignedDuration::from_hours(24 * i64::from(new.days))).unwrap_or(now);
        let delegation = Delegation {
            id: new_id()?,
            service: new.service.clone(),
            delegated_by,
            project: new.project.to_string(),
            actions: new.actions.iter().map(|action| action.name().to_owned()).collect(),
            not_before: now,
            expires,
        };
        let token = self.delegation_signer()?.sign(&delegation, now).map_err(DelegateError::Token)?;
        let mut entry = Entry::new("delegated");
        entry.caller = self.caller_name();
        entry.project = new.project.to_string();
        entry.facts = new.facts(new.actions.iter().map(|action| action.name()).collect::<Vec<_>>().join(", "));
        entry.facts.insert("delegation".to_owned(), delegation.id.clone());
        self.audit().record(&entry)?;
        self.keep_delegation(&delegation)?;
        Ok(Secret::new(token))
    }

    /// The delegations of the caller that were not taken back; all, if they keep the site, which is written down.
    ///
    /// # Errors
    /// If the caller is no person for whom an issuer vouches, or they cannot be read.
    pub fn delegations(&self) -> Result<Vec<Delegated>, AccessError> {
        let registry = self.registry()?;
        let keeping = self.asked(Action::Administer, self.as_resource(), None);
        let sees_all =
            self.basis(&registry, Timestamp::now()).verdict(&keeping, &Labels::default(), Vec::new()).allowed;
        if sees_all {
            let entry = Entry::new("list-delegations");
            self.decide(&keeping, "list all delegations".to_owned(), entry, |_, _| Ok(Found::default()))?;
        } else if self.caller().person().is_none() {
            return Err(self.refuse_nobody("list-delegations", None)?);
        }
        let own = self.caller_name();
        let ids = self.delegation_notes().ids()?;
        let mut found: Vec<_> = ids.iter().filter_map(|id| self.delegation(id)).collect();
        found.retain(|one| sees_all || one.person == own);
        found.iter_mut().for_each(|one| one.visas.clear());
        found.sort_by(|one, other| (one.until, &one.id).cmp(&(other.until, &other.id)));
        Ok(found)
    }

    /// Takes a delegation back, from the next decision on: who made it does, or an administrator.
    ///
    /// # Errors
    /// If there is none, or it is somebody else's and the caller no administrator.
    pub fn revoke_delegation(&self, id: &str) -> Result<(), AccessError> {
        let known = self.delegation(id).ok_or_else(|| DelegateError::Unknown(id.to_owned()))?;
        if known.person != self.caller_name() {
            let asked = self.asked(Action::Administer, self.as_resource(), None);
            let text = format!("take back the delegation {id} of {}", known.person);
            self.decide(&asked, text, Entry::new("revoke-delegation"), |_, _| Ok(Found::default()))?;
        }
        let notes = self.delegation_notes();
        let path = notes.path(id).ok_or_else(|| DelegateError::Unknown(id.to_owned()))?;
        let mut entry = Entry::new("delegation-revoked");
        entry.caller = self.caller_name();
        entry.reasons = vec![format!("the delegation {id} of {} to {}", known.person, known.service)];
        self.audit().record(&entry)?;
        notes.remove(&path)
    }

    /// The program that shows a delegation's token. Whether it was taken back, and what it covers, is looked at in each
    /// decision.
    ///
    /// # Errors
    /// If the token is not one of this site's, or its time is over.
    pub fn service(&self, token: &str) -> Result<Caller, AccessError> {
        let verifier = DelegationVerifier {
            site: self.config().name.clone(),
            keys: vec![self.delegation_signer()?.public_key().clone()],
            longest: LONGEST,
            clock_skew: SignedDuration::from_secs(0),
        };
        let delegation = verifier.read(token, Timestamp::now()).map_err(DelegateError::Token)?;
        let actions = Action::ALL.into_iter().filter(|action| delegation.actions.contains(action.name())).collect();
        let file = self.delegation_notes().path(&delegation.id);
        let file = file.ok_or_else(|| DelegateError::Unknown(delegation.id.clone()))?;
        let held = self.delegation(&delegation.id).map_or_else(Vec::new, |known| known.visas);
        let visas = Visas { held, set_aside: Vec::new() };
        Ok(Caller::service(Arc::new(ActingFor { delegation, actions, visas, file })))
    }

    /// Writes down that somebody for whom nobody vouches has no delegations, and gives that as what is wrong.
    fn refuse_nobody(&self, action: &'static str, project: Option<&ProjectName>) -> Result<AccessError, AccessError> {
        let error = DelegateError::NoPerson;
        let mut entry = Entry::new(action);
        entry.decision = Some(Verdict::Deny);
        entry.caller = self.caller_name();
        entry.project = project.map_or_else(String::new, ToString::to_string);
        entry.region = self.region().country().to_string();
        entry.reasons = vec![error.to_string()];
        self.audit().decide(&entry)?;
        Ok(error.into())
    }

    fn delegation(&self, id: &str) -> Option<Delegated> {
        let notes = self.delegation_notes();
        notes.read(&notes.path(id)?, id).ok()?
    }

    fn keep_delegation(&self, delegation: &Delegation) -> Result<(), AccessError> {
        let Person { issuer, subject } = &delegation.delegated_by;
        let registry = self.registry()?;
        let kept = Delegated {
            id: delegation.id.clone(),
            service: delegation.service.clone(),
            person: registry.person_of(issuer, subject).unwrap_or(subject).to_owned(),
            project: delegation.project.clone(),
            actions: delegation.actions.clone(),
            until: delegation.expires,
            visas: self.caller().visas().unwrap_or(Visas::NONE).held.clone(),
        };
        self.delegation_notes().write(&kept.id, &kept)
    }

    fn delegation_notes(&self) -> Notes<'_> {
        self.notes(FOLDER, Kind::Delegation)
    }

    /// The site signs delegations with a key of their own, which follows from the one that makes addresses.
    fn delegation_signer(&self) -> Result<DelegationSigner, DelegateError> {
        let seed = Zeroizing::new(blake3::derive_key("sluis 1 delegations", self.keys().address_key()));
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| DelegateError::Key)?;
        let document = pair.to_pkcs8().map_err(|_| DelegateError::Key)?;
        let name = &self.config().name;
        Ok(DelegationSigner::new(name, DelegationAlgorithm::EdDsa, document.as_ref(), LONGEST)?)
    }
}

/// No program is told to do what would be refused to it in any case.
fn for_people(action: Action) -> Reason {
    Reason {
        text: format!("`{action}` is for people, and cannot be delegated to a program"),
        remedy: "do it yourself when it is to be done".to_owned(),
        policy: "people-decide".to_owned(),
    }
}
