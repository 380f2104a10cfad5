//! Who uses a site, as far as that is proven.

use std::{collections::BTreeSet, net::IpAddr, path::PathBuf, sync::Arc};

use jiff::Timestamp;
use sluis_identity::{Delegation, Passport, PassportError, Person, VerifiedIdentity};
use sluis_model::ProjectName;
use sluis_policy::{self as policy, Action, Login};

use crate::{
    decision::{Basis, day_of},
    registry::{Registry, SELF_ISSUED, Trust, network_name},
    visas::Visas,
};

/// Who uses a site, and from where. It is matched with the registry anew for each decision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    who: Who,
    addresses: Vec<IpAddr>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Who {
    /// The person who runs a personal site, for whom nobody else vouches.
    SelfIssued,
    /// Nobody is logged in.
    Nobody,
    /// An issuer vouches for somebody.
    Verified { issuer: String, subject: String, multi_factor: bool, logged_in: Option<Timestamp>, visas: Visas },
    /// A program that acts for a person, as far as they delegated it.
    Service(Arc<ActingFor>),
    /// A person of the registry as they would be after a fresh login: for explanations alone.
    Assumed { name: String, with_visas: bool },
}

/// What a person delegated to a program.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct ActingFor {
    pub delegation: Delegation,
    pub actions: BTreeSet<Action>,
    /// What the person's visas said when they delegated it.
    pub visas: Visas,
    /// The file that is there as long as it was not taken back.
    pub file: PathBuf,
}

impl ActingFor {
    fn is_revoked(&self) -> bool {
        !self.file.exists()
    }
}

/// How the audit log calls who is not logged in.
const NOBODY: &str = "nobody";

/// How reasons call them.
const NOT_LOGGED_IN: &str = "somebody who is not logged in";

impl Caller {
    /// The person who runs a personal site.
    pub const fn self_issued() -> Self {
        Self { who: Who::SelfIssued, addresses: Vec::new() }
    }

    /// Somebody who is not logged in.
    pub const fn nobody() -> Self {
        Self { who: Who::Nobody, addresses: Vec::new() }
    }

    /// Somebody whose token was just verified. From then on the age of the login counts, not that of the token; a login
    /// that the token does not date is of unknown age.
    pub fn verified(identity: &VerifiedIdentity) -> Self {
        let who = Who::Verified {
            issuer: identity.issuer().to_owned(),
            subject: identity.subject().to_owned(),
            multi_factor: identity.mfa(),
            logged_in: identity.auth_time(),
            visas: Visas::default(),
        };
        Self { who, addresses: Vec::new() }
    }

    /// The same, with the visas of their passport, or with what kept it from being had. A visa counts until it expires.
    #[must_use]
    pub fn with_passport(mut self, passport: Result<&Passport, &PassportError>) -> Self {
        if let Who::Verified { visas, .. } = &mut self.who {
            *visas = passport.into();
        }
        self
    }

    /// Their visas; `None` if nobody can know them, for somebody who is not here.
    pub(crate) fn visas(&self) -> Option<&Visas> {
        match &self.who {
            Who::Verified { visas, .. } => Some(visas),
            Who::Service(service) => Some(&service.visas),
            Who::SelfIssued | Who::Nobody => Some(Visas::NONE),
            Who::Assumed { with_visas: true, .. } => None,
            Who::Assumed { with_visas: false, .. } => Some(Visas::NONE),
        }
    }

    /// Whether they logged in with more than one factor.
    pub(crate) const fn is_multi_factor(&self) -> bool {
        matches!(self.who, Who::Verified { multi_factor: true, .. })
    }

    /// A program that acts for a person.
    pub(crate) const fn service(delegated: Arc<ActingFor>) -> Self {
        Self { who: Who::Service(delegated), addresses: Vec::new() }
    }

    /// The person as their issuer knows them, if one vouches for them; nobody for a program.
    pub(crate) fn person(&self) -> Option<Person> {
        match &self.who {
            Who::Verified { issuer, subject, .. } => Some(Person { issuer: issuer.clone(), subject: subject.clone() }),
            Who::SelfIssued | Who::Nobody | Who::Service(_) | Who::Assumed { .. } => None,
        }
    }

    /// A person of the registry, as if they had just logged in with two factors. What is decided for such a caller is
    /// an explanation, never a permit.
    pub(crate) fn assumed(name: &str, addresses: Vec<IpAddr>) -> Self {
        Self { who: Who::Assumed { name: name.to_owned(), with_visas: true }, addresses }
    }

    /// The same, if such a person has no visa at all.
    pub(crate) fn without_visas(&self) -> Self {
        let mut same = self.clone();
        if let Who::Assumed { with_visas, .. } = &mut same.who {
            *with_visas = false;
        }
        same
    }

    /// The same, from a machine with these addresses.
    #[must_use]
    pub fn from_addresses(self, addresses: Vec<IpAddr>) -> Self {
        Self { addresses, ..self }
    }

    /// The addresses from which they ask.
    pub(crate) fn addresses(&self) -> Vec<IpAddr> {
        self.addresses.clone()
    }

    /// What of them can change while they use the site: whether what was delegated to them holds, and how many of their
    /// visas do.
    pub(crate) fn standing(&self, now: Timestamp) -> (bool, usize) {
        let holds = match &self.who {
            Who::Service(service) => !service.is_revoked() && service.delegation.expires > now,
            Who::SelfIssued | Who::Nobody | Who::Verified { .. } | Who::Assumed { .. } => true,
        };
        (holds, self.visas().map_or(0, |visas| visas.count(now)))
    }

    /// Whether nobody vouches for them but they themselves.
    pub(crate) fn is_self_issued(&self) -> bool {
        self.who == Who::SelfIssued
    }

    /// The name by which the audit log knows them: a program's with that of the person for whom it acts.
    pub(crate) fn told_name(&self, registry: &Registry) -> String {
        match &self.who {
            Who::Service(service) => format!("{} for {}", service.delegation.service, self.name(registry)),
            Who::Nobody => NOBODY.to_owned(),
            _ => self.name(registry),
        }
    }

    /// Their name in the registry, or that of the person for whom a program acts; else how reasons call them.
    pub(crate) fn name(&self, registry: &Registry) -> String {
        match &self.who {
            Who::SelfIssued => SELF_ISSUED.to_owned(),
            Who::Nobody => NOT_LOGGED_IN.to_owned(),
            Who::Assumed { name, .. } => name.clone(),
            Who::Service(service) => {
                let Person { issuer, subject } = &service.delegation.delegated_by;
                registry.person_of(issuer, subject).map_or_else(|| format!("{subject} of {issuer}"), str::to_owned)
            }
            Who::Verified { issuer, subject, .. } => {
                registry.person_of(issuer, subject).map_or_else(|| format!("{subject} of {issuer}"), str::to_owned)
            }
        }
    }

    /// How the audit log calls them when there is no registry to look in.
    pub(crate) fn name_without_registry(&self) -> String {
        self.told_name(&Registry::default())
    }

    /// What is known of them, when they ask for something on behalf of a project.
    pub(crate) fn facts(&self, basis: &Basis<'_>, project: Option<&ProjectName>) -> policy::Principal {
        let (registry, now) = (basis.registry, basis.now);
        let name = self.name(registry);
        let declared = registry.people.get(&name);
        let institution = declared.and_then(|person| person.institution.as_deref());
        let known = institution.and_then(|name| registry.institutions.get(name));
        let asked = basis.visas().zip(self.visas());
        let by_visa = asked.and_then(|(rules, visas)| visas.trained_until(rules, now));
        let person = policy::Person {
            declared: declared.is_some(),
            verified: self.is_verified(basis),
            roles: declared.into_iter().flat_map(|person| &person.roles).map(|role| role.name().to_owned()).collect(),
            institution: policy::Institution {
                name: institution.unwrap_or("no institution").to_owned(),
                trusted: known.is_some(),
                suspended: known.is_some_and(|known| known.trust == Trust::Suspended),
            },
            training_until: declared.and_then(|person| person.trained_until(day_of(now))).max(by_visa),
            missing_visas: asked.map_or_else(BTreeSet::new, |(rules, visas)| visas.missing(rules, now)),
            name,
        };
        let Who::Service(service) = &self.who else {
            return policy::Principal::Person(person, self.login(basis.asked));
        };
        // Elsewhere than in the project of its delegation a program may do nothing.
        let is_covered = project.is_some_and(|project| project.as_str() == service.delegation.project);
        let delegation = policy::Delegation {
            until: service.delegation.expires,
            revoked: service.is_revoked(),
            actions: if is_covered { service.actions.clone() } else { BTreeSet::new() },
        };
        policy::Principal::Service { name: service.delegation.service.clone(), person, delegation }
    }

    /// Whether an issuer that the site trusts says who they are. One that said so when something was delegated must be
    /// trusted still.
    fn is_verified(&self, basis: &Basis<'_>) -> bool {
        match &self.who {
            Who::SelfIssued | Who::Nobody => false,
            Who::Verified { .. } | Who::Assumed { .. } => true,
            Who::Service(service) => basis.trusts(&service.delegation.delegated_by.issuer),
        }
    }

    fn login(&self, asked: Timestamp) -> Login {
        match &self.who {
            Who::SelfIssued | Who::Nobody | Who::Service(_) => Login { multi_factor: false, age_minutes: None },
            Who::Assumed { .. } => Login { multi_factor: true, age_minutes: Some(0) },
            Who::Verified { multi_factor, logged_in, .. } => Login {
                multi_factor: *multi_factor,
                age_minutes: logged_in.map(|at| {
                    let minutes = asked.duration_since(at).as_mins().max(0);
                    u32::try_from(minutes).unwrap_or(u32::MAX)
                }),
            },
        }
    }

    /// The trusted institutions' networks that they ask from, each as `campus of maxima`.
    pub(crate) fn networks(&self, registry: &Registry) -> Vec<String> {
        let trusted = registry.institutions.iter().filter(|(_, known)| known.trust == Trust::Trusted);
        let networks = trusted.flat_map(|(institution, known)| {
            known.networks.iter().map(move |(name, ranges)| (institution, name, ranges))
        });
        let asked_from = networks.filter(|(.., ranges)| {
            self.addresses.iter().any(|address| ranges.iter().any(|range| range.contains(address)))
        });
        asked_from.map(|(institution, name, _)| network_name(name, institution)).collect()
    }
}

/// The policies' action for what the audit log calls so.
pub(crate) fn action_of(purpose: &crate::permit::Purpose) -> Action {
    use crate::{ReadAction, permit::Purpose};
    match purpose {
        Purpose::Put | Purpose::Task { .. } => Action::Submit,
        Purpose::Read(ReadAction::Export | ReadAction::Grant) => Action::Export,
        Purpose::Read(ReadAction::Provenance) => Action::ViewProvenance,
        Purpose::Read(ReadAction::Repeat) => Action::Reanalyse,
        Purpose::Read(ReadAction::Review) => Action::Approve,
        Purpose::Read(
            ReadAction::Show
            | ReadAction::Logs
            | ReadAction::CachedResult
            | ReadAction::Expression
            | ReadAction::Explain
            | ReadAction::Plan,
        ) => Action::Read,
        Purpose::Check | Purpose::Collect | Purpose::Survey => Action::Administer,
    }
}

#[cfg(test)]
mod tests {
    use sluis_policy::PolicySet;

    use super::*;

    /// Nobody waits for hours in a test.
    #[test]
    fn a_login_has_the_age_that_it_had_when_something_was_asked_for() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let who = Who::Verified {
            issuer: "https://login.example.org".to_owned(),
            subject: "8f14e45f".to_owned(),
            multi_factor: true,
            logged_in: Some(at("2026-11-23T08:00:00Z")),
            visas: Visas::default(),
        };
        let caller = Caller { who, addresses: Vec::new() };
        let (registry, policies) = (Registry::default(), PolicySet::shipped().unwrap());
        let basis = Basis {
            registry: &registry,
            policies: &policies,
            caller: &caller,
            identity: None,
            allowed_places: Vec::new(),
            now: at("2026-11-24T08:00:00Z"),
            asked: at("2026-11-23T09:30:00Z"),
        };
        let policy::Principal::Person(_, login) = caller.facts(&basis, None) else { panic!("a person asks") };
        assert_eq!(login.age_minutes, Some(90));
    }
}
