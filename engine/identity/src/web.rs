//! Requests to providers: to the address that was named and to no other, bounded in time and size.

use std::time::Duration;

use reqwest::{
    Client, RequestBuilder, Response,
    header::{ACCEPT, CONTENT_TYPE},
    redirect::Policy,
    tls::Version,
};
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::{Quoted, Secret, TrustError, WebAddress};

/// How long a server may take to be reached.
const CONNECT: Duration = Duration::from_secs(5);
/// How long all of an answer may take.
const WHOLE: Duration = Duration::from_secs(15);

/// Why something could not be had from a provider.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The address is http, and the configuration does not permit it.
    #[error("{0} is not encrypted on its way, so it is not asked")]
    Plain(WebAddress),
    /// The server cannot be reached, does not answer in time, or ends before its answer is whole.
    #[error("{address} does not answer")]
    Unreachable {
        /// The address.
        address: WebAddress,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The server sends on to another place.
    #[error("{0} sends on to another address; name that one in the configuration if it is the right one")]
    Redirected(WebAddress),
    /// The server answers that it will not.
    #[error("{address} answers with status {status}")]
    Status {
        /// The address.
        address: WebAddress,
        /// The status code of HTTP.
        status: u16,
    },
    /// The answer is larger than such an answer is.
    #[error("{address} answers with more than {limit} bytes")]
    TooLarge {
        /// The address.
        address: WebAddress,
        /// The limit in bytes.
        limit: usize,
    },
    /// The answer is no JSON object, names something twice, or is nested too deeply.
    #[error("{0} does not answer with plain JSON")]
    Json(WebAddress),
    /// A provider's configuration is that of another issuer (OpenID Connect Discovery 1.0, section 4.3).
    #[error("{address} is the configuration of {found}, not of the issuer that was asked for")]
    OtherIssuer {
        /// Where the configuration was fetched.
        address: WebAddress,
        /// Whose it says it is.
        found: Quoted,
    },
    /// A provider's configuration has no usable value for a field.
    #[error("{address} has no usable `{field}`")]
    Field {
        /// Where the configuration was fetched.
        address: WebAddress,
        /// The field.
        field: &'static str,
    },
}

/// A client that goes to no other place than the one it is sent to.
#[derive(Debug)]
pub struct Web {
    client: Client,
    http_on_loopback: bool,
}

impl Web {
    pub fn new(http_on_loopback: bool) -> Result<Self, TrustError> {
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .https_only(!http_on_loopback)
            .tls_version_min(Version::TLS_1_2)
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            .user_agent("sluis")
            .build()
            .map_err(TrustError::Client)?;
        Ok(Self { client, http_on_loopback })
    }

    /// The body of a good answer.
    pub async fn get(
        &self,
        address: &WebAddress,
        bearer: Option<&Secret>,
        limit: usize,
    ) -> Result<Zeroizing<Vec<u8>>, FetchError> {
        self.check(address)?;
        let mut request = self.client.get(address.url().clone());
        if let Some(token) = bearer {
            request = request.bearer_auth(token.reveal());
        }
        let (status, body) = send(request, address, limit).await?;
        if status != 200 {
            return Err(FetchError::Status { address: address.clone(), status });
        }
        Ok(body)
    }

    /// The status and the body of whatever answer, to a form with these fields.
    pub async fn post(
        &self,
        address: &WebAddress,
        fields: &[(&str, &str)],
        limit: usize,
    ) -> Result<(u16, Zeroizing<Vec<u8>>), FetchError> {
        self.check(address)?;
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.client.post(address.url().clone());
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
        send(request, address, limit).await
    }

    fn check(&self, address: &WebAddress) -> Result<(), FetchError> {
        if address.is_plain() && !self.http_on_loopback {
            return Err(FetchError::Plain(address.clone()));
        }
        Ok(())
    }
}

async fn send(
    request: RequestBuilder,
    address: &WebAddress,
    limit: usize,
) -> Result<(u16, Zeroizing<Vec<u8>>), FetchError> {
    let unreachable = |source| FetchError::Unreachable { address: address.clone(), source };
    let answer = request.header(ACCEPT, "application/json").send().await.map_err(unreachable)?;
    if answer.status().is_redirection() {
        return Err(FetchError::Redirected(address.clone()));
    }
    let status = answer.status().as_u16();
    Ok((status, body(answer, address, limit).await?))
}

async fn body(mut answer: Response, address: &WebAddress, limit: usize) -> Result<Zeroizing<Vec<u8>>, FetchError> {
    let too_large = || FetchError::TooLarge { address: address.clone(), limit };
    let announced = answer.content_length().map_or(Ok(0), usize::try_from).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(too_large());
    }
    // Room for all of it at once, so that growing leaves no copies of tokens behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(announced.max(8 * 1024)));
    let failed = |source| FetchError::Unreachable { address: address.clone(), source };
    while let Some(piece) = answer.chunk().await.map_err(failed)? {
        if bytes.len() + piece.len() > limit {
            return Err(too_large());
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}
