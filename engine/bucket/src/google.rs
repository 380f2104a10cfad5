//! Who this process is to Google Cloud: for buckets, and for Google's other services.

use std::{fmt, sync::Arc};

use object_store::{
    ClientOptions, RetryConfig,
    gcp::{GcpCredentialProvider, GoogleCloudStorageBuilder},
};
use zeroize::Zeroizing;

use crate::{
    Patience,
    patient::{Connector, connect_timeout},
};

/// Why this process is nobody to Google Cloud.
#[derive(Debug, thiserror::Error)]
pub enum GoogleIdentityError {
    /// What the environment or the machine has is no identity.
    #[error(
        "there are no usable credentials for Google Cloud: GOOGLE_APPLICATION_CREDENTIALS names their file, `gcloud auth \
         application-default login` makes them, and a machine of Google's has its own"
    )]
    Missing(#[source] object_store::Error),
    /// The credentials say that they stand for nobody.
    #[error("the credentials for Google Cloud give no token; they are those of an emulator")]
    Nobody,
}

/// Who this process is to Google Cloud, from where buckets have it, too: the variables `GOOGLE_SERVICE_ACCOUNT`,
/// `GOOGLE_SERVICE_ACCOUNT_KEY` and `GOOGLE_APPLICATION_CREDENTIALS`, the file of `gcloud auth application-default login`,
/// the machine's metadata server.
#[derive(Clone)]
pub struct GoogleIdentity(GcpCredentialProvider);

impl GoogleIdentity {
    /// Finds it; asks nobody yet. To be called on a [`Worker`](crate::Worker).
    ///
    /// # Errors
    /// If what there is cannot be used.
    pub fn of_environment(patience: Patience) -> Result<Self, GoogleIdentityError> {
        let options =
            ClientOptions::new().with_timeout(patience.one_try).with_connect_timeout(connect_timeout(patience));
        let once = RetryConfig { max_retries: 0, ..RetryConfig::default() };
        let client = builder()
            // Nothing is asked of it: no client is made without the name of a bucket.
            .with_bucket_name("none")
            .with_client_options(options)
            .with_retry(once)
            .with_http_connector(Connector { patience, completes_on_condition: false })
            .build()
            .map_err(GoogleIdentityError::Missing)?;
        Ok(Self(Arc::clone(client.credentials())))
    }

    /// A token that proves it to Google, as `Authorization: Bearer` has it. One that is still good is given again.
    ///
    /// # Errors
    /// If none is given.
    pub async fn token(&self) -> Result<Zeroizing<String>, GoogleIdentityError> {
        let given = self.0.get_credential().await.map_err(GoogleIdentityError::Missing)?;
        let token = Zeroizing::new(given.bearer.clone());
        if token.is_empty() { Err(GoogleIdentityError::Nobody) } else { Ok(token) }
    }
}

impl fmt::Debug for GoogleIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A provider may show the token that it keeps.
        f.write_str("GoogleIdentity")
    }
}

/// The client of a bucket, of whoever the environment or the machine says.
pub(crate) fn builder() -> GoogleCloudStorageBuilder {
    GoogleCloudStorageBuilder::from_env().with_skip_signature(false)
}
