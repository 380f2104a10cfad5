//! What to do about a refused token.

use super::TokenError;

impl TokenError {
    /// What would remove the reason.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "ask the provider to give visas out at its userinfo endpoint instead of in tokens",
            Self::Malformed(_) | Self::TooDeep(_) | Self::Claim(_) | Self::Missing(_) => {
                "send the token as the provider issued it; if it is, report the defect to the provider"
            }
            Self::Duplicate { .. } | Self::Critical | Self::OwnKey(_) | Self::KeyElsewhere(_) | Self::KeyName(_) => {
                "no honest provider issues this; find out where the token came from, and tell the provider"
            }
            Self::Unsigned | Self::SharedSecret(_) | Self::Algorithm(_) => {
                "register this site's client with RS256 or ES256 at the provider, and pin that algorithm"
            }
            Self::Type(..) => "send the token that was asked for: an ID token, an access token or a visa",
            Self::KeyNotNamed { .. } | Self::KeyType { .. } => {
                "report it to the provider: its tokens and its key set do not fit together"
            }
            Self::UnknownKey { .. } => "log in again; if that does not help, wait a minute for the provider's new keys",
            Self::Signature => "log in again; if it happens again, tell whoever runs this site",
            Self::Issuer(_) => "log in with a provider that the site names under its trusted issuers, or add this one",
            Self::Audience { .. } | Self::PartyMissing | Self::Party(_) => {
                "log in to this site; a token for another service is of no use here"
            }
            Self::Expired(_) | Self::Replayed | Self::Nonce => "log in again",
            Self::NotYetValid(_) | Self::IssuedInFuture(_) | Self::LoginInFuture(_) => {
                "compare this machine's clock with the provider's"
            }
            Self::AcrMissing | Self::AmrAlone | Self::Acr(_) => {
                "log in with a second factor; if you did, ask the provider to say so with the `acr` of the REFEDS profile"
            }
            Self::LoginTimeMissing => "ask the provider to put `auth_time` into its tokens",
            Self::LoginTooOld { .. } => "log in again",
            Self::Unremembered { .. } => {
                "see that the folder can be read and written; remove it only once the tokens of all logins have expired"
            }
            Self::Busy => "try again in some minutes",
            Self::TooManyVisas { .. } | Self::TooManyKeySets { .. } => {
                "ask the broker for a passport with only the visas that this site needs"
            }
            Self::Keys { .. } => "see whether the provider can be reached from here, and try again in a minute",
        }
    }
}
