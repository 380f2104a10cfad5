//! Who asks, and how they proved it.

use std::collections::BTreeSet;

use jiff::{Timestamp, civil::Date};

use crate::Action;

/// Who asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Principal {
    /// A person, and how they logged in.
    Person(Person, Login),
    /// A program that acts for a person. What holds for the person holds for it, too.
    Service {
        /// The program's name.
        name: String,
        /// For whom it acts.
        person: Person,
        /// What they delegated to it.
        delegation: Delegation,
    },
}

impl Principal {
    /// The person who asks, or for whom the service asks.
    pub const fn person(&self) -> &Person {
        match self {
            Self::Person(person, _) | Self::Service { person, .. } => person,
        }
    }
}

/// A person as the registry and their login tell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// The name in the registry.
    pub name: String,
    /// Whether the registry knows them.
    pub declared: bool,
    /// Whether an issuer that the site trusts verified who they are.
    pub verified: bool,
    /// Their roles at the site; the policies that ship know `committee`, `steward`, `administrator` and `auditor`.
    pub roles: BTreeSet<String>,
    /// Where they work.
    pub institution: Institution,
    /// The last day on which their training is valid, if they have one.
    pub training_until: Option<Date>,
    /// The types of visas that the site asks for and that they do not have.
    pub missing_visas: BTreeSet<String>,
}

/// An institution.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Institution {
    /// Its name.
    pub name: String,
    /// Whether the site has an agreement with it.
    pub trusted: bool,
    /// Whether it is shut out for the time being.
    pub suspended: bool,
}

/// How a person logged in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Login {
    /// Whether with more than one factor.
    pub multi_factor: bool,
    /// How long ago, in minutes; nothing if that is not known.
    pub age_minutes: Option<u32>,
}

/// What a person delegated to a service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delegation {
    /// From when on it does not hold any more.
    pub until: Timestamp,
    /// Whether it was taken back.
    pub revoked: bool,
    /// What the service may do for the person.
    pub actions: BTreeSet<Action>,
}
