//! `people.yaml`: who may be a member of a project, who vouches for them, what they may decide.

use std::{collections::BTreeSet, fmt, str::FromStr};

use jiff::{ToSpan, civil::Date};
use sluis_crypt4gh::{PublicKey, key_file::read_public_key};
use sluis_yaml::{Diagnostics, Fields, Node};

use crate::config::parsed;

/// The issuer of a person for whom nobody else vouches.
pub(crate) const SELF_ISSUED: &str = "self";

/// A person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// Who vouches for the identity: the address of an OpenID provider; `self` on a personal site.
    pub issuer: String,
    /// By what name the issuer knows them (`sub`).
    pub subject: Option<String>,
    /// Where they work.
    pub institution: Option<String>,
    /// What they may decide, beside working with data.
    pub roles: BTreeSet<Role>,
    /// The trainings that they completed.
    pub training: Vec<Training>,
    /// The key for which exports to them are sealed.
    pub recipient: Option<PublicKey>,
}

/// What a person may decide.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    /// Approves what others ask for: exports.
    Committee,
    /// Keeps the registry: consents, withdrawals.
    Steward,
    /// Keeps the site and its store.
    Administrator,
    /// Reads the audit log.
    Auditor,
}

impl Role {
    const ALL: [Self; 4] = [Self::Committee, Self::Steward, Self::Administrator, Self::Auditor];

    /// Its name in the registry and in policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Committee => "committee",
            Self::Steward => "steward",
            Self::Administrator => "administrator",
            Self::Auditor => "auditor",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::name).join(", ");
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or_else(|| format!("`{text}` is none of {}", known()))
    }
}

/// A training that somebody completed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Training {
    /// Which, by the address of its edition.
    pub course: String,
    /// On which day it was completed.
    pub completed: Date,
    /// The last day on which it counts.
    pub until: Date,
}

impl Person {
    /// Whether nobody else vouches for them.
    pub fn is_self_issued(&self) -> bool {
        self.issuer == SELF_ISSUED
    }

    /// The last day on which a training of theirs counts that was completed by `today`.
    pub fn trained_until(&self, today: Date) -> Option<Date> {
        self.training.iter().filter(|training| training.completed <= today).map(|training| training.until).max()
    }
}

const KNOWN: &[&str] = &["issuer", "subject", "institution", "roles", "training", "recipient"];

pub(super) fn read_person(node: &Node, problems: &mut Diagnostics) -> Option<Person> {
    let fields = Fields::of(node, "a person", problems)?;
    fields.check_known(KNOWN, problems);
    let issuer = fields.required_string("issuer", problems)?.to_owned();
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let subject = owned(fields.string("subject", problems));
    let institution = owned(fields.string("institution", problems));
    if issuer != SELF_ISSUED {
        let needed = [("subject", &subject), ("institution", &institution)];
        for (field, _) in needed.into_iter().filter(|(_, value)| value.is_none()) {
            let message = format!("a person for whom {issuer} vouches needs `{field}`");
            problems.error(fields.span(), message);
        }
    }
    let mut roles = BTreeSet::new();
    for item in fields.list("roles", problems) {
        match item.as_str().unwrap_or_default().parse() {
            Ok(role) => drop(roles.insert(role)),
            Err(why) => problems.error(&item.span, format!("`roles`: {why}")),
        }
    }
    let training = fields.list("training", problems);
    let training = training.iter().filter_map(|node| read_training(node, problems)).collect();
    let recipient = read_recipient(fields, problems);
    Some(Person { issuer, subject, institution, roles, training, recipient })
}

fn read_training(node: &Node, problems: &mut Diagnostics) -> Option<Training> {
    let fields = Fields::of(node, "a training", problems)?;
    fields.check_known(&["course", "completed", "until"], problems);
    let course = fields.required_string("course", problems);
    let (completed, until): (Option<Date>, _) =
        (parsed(fields, "completed", problems), parsed(fields, "until", problems));
    let (completed, until) = (completed?, until?);
    if completed > until {
        problems.error(fields.span(), format!("a training completed on {completed} cannot end on {until}"));
    }
    let last = last_day_of_a_year_from(completed);
    if until > last {
        let place = fields.get("until").map_or(fields.span(), |node| &node.span);
        problems
            .error(place, format!("a training completed on {completed} counts for a year, until {last} at the latest"));
    }
    Some(Training { course: course?.to_owned(), completed, until })
}

/// The last day on which a training counts that was completed on a day.
pub(crate) fn last_day_of_a_year_from(completed: Date) -> Date {
    completed.saturating_add(1.year()).saturating_sub(1.day())
}

/// The one line of base64 in a public key's file, or the file's whole text.
fn read_recipient(fields: Fields<'_>, problems: &mut Diagnostics) -> Option<PublicKey> {
    let text = fields.string("recipient", problems)?.trim();
    let whole = if text.starts_with("-----") {
        text.to_owned()
    } else {
        format!("-----BEGIN CRYPT4GH PUBLIC KEY-----\n{text}\n-----END CRYPT4GH PUBLIC KEY-----\n")
    };
    match (read_public_key(&whole), fields.get("recipient")) {
        (Ok(key), _) => Some(key),
        (Err(error), node) => {
            problems.error(node.map_or(fields.span(), |node| &node.span), format!("`recipient`: {error}"));
            None
        }
    }
}
