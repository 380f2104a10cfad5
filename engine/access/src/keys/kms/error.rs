//! Why a key in Cloud KMS does not open or protect the site's key.

use sluis_kms::{KeyNameError, KmsError};
use sluis_yaml::Diagnostics;

/// Why a key in Cloud KMS does not open or protect the site's key.
#[derive(Debug, thiserror::Error)]
pub enum KmsKeyError {
    /// `kms.yaml` is not valid.
    #[error("the file that names the server of Cloud KMS is not valid:\n{0}")]
    Config(Diagnostics),
    /// The key that the file names may not be used.
    #[error("the site's key is protected by Cloud KMS, and not by a key that may be used")]
    Name(#[source] KeyNameError),
    /// What the file says the key encrypted has not the right form.
    #[error(
        "the key file does not say what Cloud KMS is to decrypt, or that is not what was encrypted; put the copy from your \
         backup in its place"
    )]
    Wrapped,
    /// Cloud KMS did not do it.
    #[error("Cloud KMS does not {doing} the site's key")]
    Use {
        /// What was tried.
        doing: &'static str,
        /// Why, and what to do.
        source: Box<KmsError>,
    },
}
