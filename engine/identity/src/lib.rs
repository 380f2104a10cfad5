//! Tokens to verified facts: who somebody is, what visas they have, for whom a service acts; and logging in.
//!
//! It knows nothing of stores, policy or projects. A caller gives it what the site trusts ([`Trust`]) and a token, and
//! gets facts ([`VerifiedIdentity`], [`Passport`], [`Delegation`]) or the one reason against them. The time is always an
//! argument.
//!
//! What holds:
//! - **Nothing is believed before its signature is verified** with a key that the site's own configuration leads to.
//!   A token never says where its key is; a visa does (`jku`), and may say only what the site permits, before anything
//!   is fetched.
//! - **Algorithms are pinned**: RS256 and ES256. `none` and every HMAC are refused, and so is a key of another type.
//! - **What is read twice is read alike**: a name that stands twice in a token is refused, as are unknown extensions.
//! - **More than one factor is what the provider states by `acr`.** `amr` alone is no statement.
//! - **A stranger costs little**: sizes, nesting, times and fetches are bounded; a key set is fetched at most once a
//!   minute, whatever keys tokens name; redirects are not followed.
//! - **A visa that fails leaves the rest.** It is reported with its reason.
//! - **Tokens are wiped from memory** when dropped, and are never in messages or `Debug`.
//!
//! Standards: OpenID Connect Core 1.0 and Discovery 1.0; RFC 7515, 7517, 7519 and 8725 (JWT and how to verify it);
//! RFC 7636 (PKCE), 8252 (login of programs), 8628 (device authorization) and 9207 (issuer in answers); GA4GH AAI
//! profile 1.2 and Passport 1.2; the REFEDS MFA profile.

mod address;
mod cache;
mod claims;
mod delegation;
mod error;
mod identity;
mod json;
mod key_set;
pub mod login;
mod passport;
mod provider;
mod quoted;
mod replay;
mod secret;
mod token;
mod trust;
mod verifier;
mod visa;
mod web;

pub use address::{AddressError, WebAddress};
pub use delegation::{
    Act, Delegation, DelegationAlgorithm, DelegationError, DelegationKey, DelegationSigner, DelegationVerifier, Revoked,
};
pub use error::TokenError;
pub use identity::{MultiFactor, Person, VerifiedIdentity};
pub use passport::{MAX_KEY_SETS, MAX_VISAS, Passport, PassportError, RefusedVisa};
pub use quoted::Quoted;
pub use secret::Secret;
pub use token::MAX_TOKEN;
pub use trust::{Algorithm, REFEDS_MFA, Trust, TrustError, TrustedIssuer, TrustedVisaIssuer};
pub use verifier::{Expectations, TokenKind, Verifier};
pub use visa::{Authority, ConditionProblem, MAX_VISA, Visa, VisaError, VisaType};
pub use web::FetchError;
