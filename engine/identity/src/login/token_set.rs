//! The tokens of a login.

use jiff::Timestamp;

use crate::{Person, Secret};

/// The tokens of a login. `Debug` shows none of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenSet {
    /// Who logged in.
    pub person: Person,
    /// The client id with which they did.
    pub client_id: String,
    /// The ID token, which this site takes as a proof of who it is.
    pub id_token: Secret,
    /// The access token, for the provider's userinfo endpoint.
    pub access_token: Secret,
    /// What renews both, if the provider gave it.
    pub refresh_token: Option<Secret>,
    /// When the access token expires, if the provider said it.
    pub access_expires: Option<Timestamp>,
}
