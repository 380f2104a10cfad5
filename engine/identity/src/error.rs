//! Why a token is refused.

use std::{io, path::PathBuf, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use crate::{Algorithm, FetchError, Quoted};

mod remedy;

/// Why a token is refused. Each variant is another reason; [`TokenError::remedy`] says what would remove it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It is larger than is read at all.
    #[error("the token has {bytes} bytes; more than {limit} are not read")]
    TooLarge {
        /// Its size in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// It is no JWS in compact form: three parts of base64url (RFC 7515, section 7.1).
    #[error("this is no signed token: {0}")]
    Malformed(&'static str),
    /// Its JSON is nested more deeply than any standard needs.
    #[error("the token's {0} is nested too deeply")]
    TooDeep(&'static str),
    /// A name stands twice in one object, so that two readers may read two things.
    #[error("the token's {part} names {name} twice")]
    Duplicate {
        /// The part: header or claims.
        part: &'static str,
        /// The name.
        name: Quoted,
    },
    /// `alg` is `none`.
    #[error("the token is not signed (its algorithm is `none`)")]
    Unsigned,
    /// `alg` is an HMAC, whose key would be known to whoever verifies.
    #[error("the token is signed with the shared-secret algorithm {0}")]
    SharedSecret(Quoted),
    /// `alg` is none of those that are pinned.
    #[error("the token is signed with {0}, which is not among the algorithms that are accepted")]
    Algorithm(Quoted),
    /// The header demands an extension (`crit`).
    #[error("the token demands extensions (`crit`)")]
    Critical,
    /// The header brings its own key (`jwk`).
    #[error("the token brings its own key (`{0}` in its header)")]
    OwnKey(&'static str),
    /// The header says where to fetch a key (`jku`, `x5u`).
    #[error("the token says itself where its key is (`{0}` in its header)")]
    KeyElsewhere(&'static str),
    /// `typ` says that this is another kind of token.
    #[error("this is a token of the type {0}, not {1}")]
    Type(Quoted, &'static str),
    /// `kid` is no name of a key.
    #[error("the token names its key {0}, which is no name of a key")]
    KeyName(Quoted),
    /// There is no `kid`, and more than one key, or none, may be meant.
    #[error("the token does not name its key, and {issuer} has more than one")]
    KeyNotNamed {
        /// Whose key set.
        issuer: Quoted,
    },
    /// The key set holds no such key.
    #[error("{issuer} has no key {key}")]
    UnknownKey {
        /// Whose key set.
        issuer: Quoted,
        /// The key's name.
        key: Quoted,
    },
    /// The key is of another type than the algorithm needs, or is for another use.
    #[error("the key {key} of {issuer} is not one for {algorithm}")]
    KeyType {
        /// Whose key set.
        issuer: Quoted,
        /// The key's name.
        key: Quoted,
        /// The token's algorithm.
        algorithm: Algorithm,
    },
    /// The signature is not the key's over these bytes.
    #[error("the signature is wrong: the token was changed, or signed by somebody else")]
    Signature,
    /// A claim is not there.
    #[error("the token has no claim `{0}`")]
    Missing(&'static str),
    /// A claim is there, but is no value of its kind.
    #[error("the token's claim `{0}` is not what it must be")]
    Claim(&'static str),
    /// `iss` is nobody whom the site trusts.
    #[error("the token is from {0}, whom this site does not trust")]
    Issuer(Quoted),
    /// `aud` does not hold this site.
    #[error("the token is for {found}, not for `{expected}`")]
    Audience {
        /// For whom it is.
        found: Quoted,
        /// The audience that the site's configuration names.
        expected: String,
    },
    /// `aud` has several values, and `azp` does not say who asked for it.
    #[error("the token is for several parties and does not say which of them asked for it (`azp`)")]
    PartyMissing,
    /// `azp` is somebody else.
    #[error("the token was asked for by {0} (`azp`), not by this site's client")]
    Party(Quoted),
    /// `exp` is over.
    #[error("the token expired at {0}")]
    Expired(Timestamp),
    /// `nbf` is still to come.
    #[error("the token is not valid before {0}")]
    NotYetValid(Timestamp),
    /// `iat` is still to come.
    #[error("the token says that it was issued at {0}, which is still to come")]
    IssuedInFuture(Timestamp),
    /// `nonce` is not the one that was sent with the request.
    #[error("the token does not answer this login (its `nonce` is another one)")]
    Nonce,
    /// `acr` was needed, and there is neither `acr` nor `amr`.
    #[error("the token does not say how the person logged in (`acr`)")]
    AcrMissing,
    /// `amr` names methods, but there is no `acr`, which alone counts.
    #[error("the token lists methods of logging in (`amr`) but makes no statement about them (`acr`)")]
    AmrAlone,
    /// `acr` is none of the values that mean more than one factor.
    #[error("the login was {0} (`acr`), which does not mean that more than one factor was used")]
    Acr(Quoted),
    /// The age of logins is limited, and `auth_time` is not there.
    #[error("the token does not say when the person logged in (`auth_time`)")]
    LoginTimeMissing,
    /// `auth_time` is too long ago.
    #[error("the person logged in at {at}, which is longer ago than the {} seconds that are permitted", longest.as_secs())]
    LoginTooOld {
        /// When they logged in.
        at: Timestamp,
        /// How long ago it may be.
        longest: SignedDuration,
    },
    /// `auth_time` is still to come.
    #[error("the token says that the person logged in at {0}, which is still to come")]
    LoginInFuture(Timestamp),
    /// A token that may be used once was used before.
    #[error("the token was used before, and may be used only once")]
    Replayed,
    /// It cannot be told whether the token was used before, or written down that it is now.
    #[error("it cannot be told whether the token was used before: {folder} cannot be used", folder = .folder.display())]
    Unremembered {
        /// Where used tokens are remembered.
        folder: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// More single-use tokens are remembered than there is room for.
    #[error("too many single-use tokens are in use at the moment")]
    Busy,
    /// `ga4gh_passport_v1` holds more visas than are looked at.
    #[error("the passport holds {count} visas; more than {limit} are not looked at")]
    TooManyVisas {
        /// How many.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// The provider's configuration or key set could not be had.
    #[error("the keys of {issuer} cannot be had")]
    Keys {
        /// Whose keys.
        issuer: Quoted,
        /// Why.
        #[source]
        source: Arc<FetchError>,
    },
    /// More key sets would have to be fetched than are fetched for one passport.
    #[error("the keys of {issuer} are not fetched, because this passport already asked for {limit} key sets")]
    TooManyKeySets {
        /// Whose keys.
        issuer: Quoted,
        /// The limit.
        limit: usize,
    },
}
