//! Who somebody is, as far as a token proves it.

use std::fmt;

use jiff::Timestamp;

use crate::Secret;

/// A person or service as an issuer names it: the subject means something with its issuer alone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Person {
    /// The `iss` of whoever names it.
    pub issuer: String,
    /// The `sub` by which it is named there.
    pub subject: String,
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |text: &str| text.escape_debug().to_string();
        write!(f, "{} of {}", shown(&self.subject), shown(&self.issuer))
    }
}

/// What a token says about the factors of a login.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MultiFactor {
    /// `acr` has this value, which the site accepts as more than one factor.
    Yes(String),
    /// `acr` has this value, which the site does not accept as that.
    OtherAcr(String),
    /// There is no `acr`; `amr` lists methods, which is no statement about the login as a whole.
    AmrAlone,
    /// Nothing is said.
    Unknown,
}

/// The facts of a token that was verified. Only [`crate::Verifier::verify`] makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedIdentity {
    pub(crate) person: Person,
    pub(crate) multi_factor: MultiFactor,
    pub(crate) auth_time: Option<Timestamp>,
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
    pub(crate) visas: Vec<Secret>,
}

impl VerifiedIdentity {
    /// Who it is.
    pub fn person(&self) -> &Person {
        &self.person
    }

    /// The provider that says so.
    pub fn issuer(&self) -> &str {
        &self.person.issuer
    }

    /// By which name.
    pub fn subject(&self) -> &str {
        &self.person.subject
    }

    /// Whether the provider states, by an `acr` that the site accepts, that more than one factor was used. `amr` does
    /// not count: it lists methods, and says nothing of whether they were enough.
    pub fn mfa(&self) -> bool {
        matches!(self.multi_factor, MultiFactor::Yes(_))
    }

    /// What exactly is said about the factors.
    pub fn multi_factor(&self) -> &MultiFactor {
        &self.multi_factor
    }

    /// When the person logged in, if the provider says it.
    pub fn auth_time(&self) -> Option<Timestamp> {
        self.auth_time
    }

    /// When the token was issued.
    pub fn issued(&self) -> Timestamp {
        self.issued
    }

    /// When the token expires. What is decided with it is decided until then.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// How many visas the token itself holds; none is verified yet.
    pub fn embedded_visas(&self) -> usize {
        self.visas.len()
    }
}
