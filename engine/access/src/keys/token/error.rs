//! Why a token does not open or protect the site's key.

use std::path::PathBuf;

use cryptoki::error::Error;
use sluis_yaml::Diagnostics;

/// Why a token does not open or protect the site's key.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// `token.yaml` is not there or not valid.
    #[error("the file that names the token is not valid:\n{0}")]
    Config(Diagnostics),
    /// The module is none, or does not work.
    #[error("the module {path} cannot be used", path = path.display())]
    Module {
        /// The library.
        path: PathBuf,
        /// Why.
        source: Error,
    },
    /// There is no such token.
    #[error("no slot has a token with the label `{0}`; `pkcs11-tool --list-slots` shows those that are there")]
    NoToken(String),
    /// The PIN is wrong or locked.
    #[error("the token `{token}` refuses the PIN; after several wrong ones it locks itself")]
    Pin {
        /// The token's label.
        token: String,
        /// Why.
        source: Error,
    },
    /// There is not exactly one such key.
    #[error("the token has {found} AES keys with the label `{label}`, and one is needed")]
    Keys {
        /// The key's label.
        label: String,
        /// How many there are.
        found: usize,
    },
    /// The key could be read out.
    #[error("the token gives the key `{0}` out; make one that is sensitive and not extractable")]
    Extractable(String),
    /// The token did not do what it was asked for.
    #[error("the token did not {doing}")]
    Work {
        /// What was tried.
        doing: &'static str,
        /// Why.
        source: Error,
    },
    /// What the file says the token encrypted has not the right form.
    #[error("the key file does not say what the token is to decrypt; put the copy from your backup in its place")]
    Wrapped,
}
