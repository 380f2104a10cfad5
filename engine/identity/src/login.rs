//! Logging in: in a browser (authorization code with PKCE, RFC 6749, 7636 and 8252), or on another device (RFC 8628);
//! keeping the tokens, and refreshing them.

use crate::{FetchError, Quoted, TokenError, TrustedIssuer, VerifiedIdentity};

mod browser;
mod device;
mod exchange;
mod listener;
mod pkce;
mod token_file;
mod token_set;

pub use browser::BrowserLogin;
pub use device::{DeviceLogin, Polled};
pub use token_file::{TokenFileError, TokenFolder};
pub use token_set::TokenSet;

/// A login that is wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoginRequest {
    /// The issuer, which must be one that the site trusts.
    pub issuer: String,
    /// The scopes beside `openid`: `ga4gh_passport_v1` for passports, `offline_access` for a refresh token where the
    /// provider wants to be asked for it.
    pub scopes: Vec<String>,
    /// Whether more than one factor is asked for (`acr` as an essential claim) and demanded of the answer.
    pub multi_factor: bool,
}

/// A login that succeeded.
#[derive(Debug)]
pub struct LoggedIn {
    /// Who logged in, from the ID token.
    pub identity: VerifiedIdentity,
    /// The tokens.
    pub tokens: TokenSet,
}

/// Why a login did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The site does not trust the issuer.
    #[error("this site does not trust {0}; log in with one of its trusted issuers, or add this one")]
    Issuer(Quoted),
    /// The provider's configuration cannot be had.
    #[error("the provider cannot be asked how to log in")]
    Provider(#[source] TokenError),
    /// The provider does not offer this way of logging in.
    #[error("{issuer} offers no {what}; log in another way")]
    NotOffered {
        /// The provider.
        issuer: Quoted,
        /// What it does not offer.
        what: &'static str,
    },
    /// The system gave no randomness.
    #[error("the system gives no random numbers")]
    Random,
    /// No port of this machine's loopback could be listened on.
    #[error("the browser's answer cannot be received on this machine; log in with a device code instead")]
    Listen(#[source] std::io::Error),
    /// Nobody finished the login in time.
    #[error("nobody finished the login in time; begin again")]
    TimedOut,
    /// The answer does not belong to this login (`state`), or names something twice.
    #[error("an answer came that does not belong to this login; begin again, and open no other link meanwhile")]
    State,
    /// The answer is from another provider than the one that was asked (RFC 9207).
    #[error("the answer is from another provider ({0}) than the one that was asked; do not go on")]
    OtherIssuer(Quoted),
    /// The provider said no.
    #[error("the provider refused the login: {error} {description}")]
    Refused {
        /// Its code, such as `access_denied`.
        error: Quoted,
        /// Its own words.
        description: Quoted,
    },
    /// The token endpoint cannot be reached.
    #[error("the login cannot be finished with the provider")]
    Fetch(#[source] FetchError),
    /// An answer has no usable value for a field.
    #[error("the provider's answer has no usable `{0}`; report it to the provider")]
    Answer(&'static str),
    /// The ID token is refused.
    #[error("the provider's statement about the login is refused")]
    Token(#[source] TokenError),
    /// A refreshed ID token is about another person (OpenID Connect Core 1.0, section 12.2).
    #[error("the provider renewed the login of somebody else; log in again")]
    OtherPerson,
    /// There is no refresh token.
    #[error("the provider gave no means to renew the login; log in again")]
    NoRefreshToken,
    /// The device code expired.
    #[error("the code expired before somebody entered it; begin again")]
    CodeExpired,
}

/// What is asked of the provider about the login: more than one factor, and how fresh (OpenID Connect Core 1.0,
/// sections 3.1.2.1 and 5.5.1.1).
fn authentication_demands(issuer: &TrustedIssuer, request: &LoginRequest) -> Vec<(&'static str, String)> {
    let mut fields = Vec::new();
    let mut claims = serde_json::Map::new();
    if request.multi_factor {
        let values: Vec<&str> = issuer.multi_factor_acr.iter().map(String::as_str).collect();
        fields.push(("acr_values", values.join(" ")));
        claims.insert("acr".to_owned(), serde_json::json!({ "essential": true, "values": values }));
    }
    if let Some(longest) = issuer.max_login_age {
        fields.push(("max_age", longest.as_secs().to_string()));
        claims.insert("auth_time".to_owned(), serde_json::json!({ "essential": true }));
    }
    if !claims.is_empty() {
        fields.push(("claims", serde_json::json!({ "id_token": claims }).to_string()));
    }
    fields
}

/// The scopes of a request, with `openid`, as one text.
fn scope(request: &LoginRequest) -> String {
    let others = request.scopes.iter().map(String::as_str).filter(|scope| *scope != "openid");
    std::iter::once("openid").chain(others).collect::<Vec<_>>().join(" ")
}
