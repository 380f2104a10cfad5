//! The client of one bucket.

use std::{fmt, sync::Arc};

use object_store::{
    ClientOptions, ObjectStore, RetryConfig, StaticCredentialProvider,
    aws::{AmazonS3Builder, AwsCredentialProvider, S3ConditionalPut},
    client::{HttpClient, HttpConnector},
    gcp::{GcpCredential, GcpCredentialProvider, GoogleCloudStorageBuilder},
    list::PaginatedListStore,
    multipart::MultipartStore,
};
use sluis_model::Cloud;

use crate::{
    BucketConfig, Patience, google,
    patient::{Connector, connect_timeout},
};

/// All that the clients of both clouds can do.
pub trait Client: ObjectStore + MultipartStore + PaginatedListStore {}

impl<T: ObjectStore + MultipartStore + PaginatedListStore> Client for T {}

/// Who the client says it is; it follows the environment or the machine's identity.
pub enum Credentials {
    /// None: of an emulator on this machine. A token is never sent without TLS.
    None,
    /// A token of Google's.
    Google(GcpCredentialProvider),
    /// Keys that sign requests.
    Amazon(AwsCredentialProvider),
}

/// Says which they are and nothing of them: a provider's own text has its token in it.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Google(_) => "Google",
            Self::Amazon(_) => "Amazon",
        })
    }
}

/// Whose a server on this machine is asked for, over plain http: it is there for tests and knows nobody.
const NOBODY: &str = "nobody";

/// The client of a bucket, and what requests that it does not know need.
pub struct Service {
    pub client: Arc<dyn Client>,
    pub http: HttpClient,
    pub credentials: Credentials,
}

impl Service {
    pub fn new(config: &BucketConfig, patience: Patience) -> object_store::Result<Self> {
        let options = ClientOptions::new()
            .with_timeout(patience.one_try)
            .with_connect_timeout(connect_timeout(patience))
            .with_allow_http(config.is_plain());
        let completes_on_condition = config.place().cloud() == Cloud::Amazon;
        let connector = || Connector { patience, completes_on_condition };
        let http = connector().connect(&options)?;
        // The connector is the one place where requests are tried again.
        let once = RetryConfig { max_retries: 0, ..RetryConfig::default() };
        let (client, credentials): (Arc<dyn Client>, _) = match config.place().cloud() {
            Cloud::Google => {
                let builder = if config.is_plain() {
                    // The client signs what it writes in any case, so it needs something to sign with.
                    let nobody = StaticCredentialProvider::new(GcpCredential { bearer: NOBODY.to_owned() });
                    GoogleCloudStorageBuilder::new().with_credentials(Arc::new(nobody))
                } else {
                    google::builder()
                };
                let client = builder
                    .with_bucket_name(config.place().bucket())
                    .with_base_url(&config.server())
                    .with_client_options(options)
                    .with_retry(once)
                    .with_http_connector(connector())
                    .build()?;
                let credentials = if config.is_plain() {
                    Credentials::None
                } else {
                    Credentials::Google(Arc::clone(client.credentials()))
                };
                (Arc::new(client), credentials)
            }
            Cloud::Amazon => {
                let builder = if config.is_plain() {
                    AmazonS3Builder::new().with_access_key_id(NOBODY).with_secret_access_key(NOBODY)
                } else {
                    AmazonS3Builder::from_env().with_skip_signature(false)
                };
                let client = builder
                    .with_bucket_name(config.place().bucket())
                    .with_region(config.region().name())
                    .with_endpoint(config.server())
                    .with_virtual_hosted_style_request(false)
                    .with_conditional_put(S3ConditionalPut::ETagMatch)
                    .with_client_options(options)
                    .with_retry(once)
                    .with_http_connector(connector())
                    .build()?;
                let credentials = Credentials::Amazon(Arc::clone(client.credentials()));
                (Arc::new(client), credentials)
            }
        };
        Ok(Self { client, http, credentials })
    }
}

#[cfg(test)]
mod tests {
    use object_store::aws::AwsCredential;

    use super::*;

    #[test]
    fn no_secret_of_credentials_is_told() {
        let google = GcpCredential { bearer: "SECRET".to_owned() };
        let amazon = AwsCredential {
            key_id: "SECRET".to_owned(),
            secret_key: "SECRET".to_owned(),
            token: Some("SECRET".to_owned()),
        };
        for (credentials, told) in [
            (Credentials::None, "None"),
            (Credentials::Google(Arc::new(StaticCredentialProvider::new(google))), "Google"),
            (Credentials::Amazon(Arc::new(StaticCredentialProvider::new(amazon))), "Amazon"),
        ] {
            assert_eq!(format!("{credentials:?} {credentials:#?}"), format!("{told} {told}"));
        }
    }
}
