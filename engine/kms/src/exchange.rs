//! The one place where requests are sent and tried again, and where an answer is taken for whole.

use std::time::{Duration, Instant};

use backon::Retryable;
use reqwest::{
    Client, Response, Url,
    header::{ACCEPT, CONTENT_TYPE},
    redirect::Policy,
    tls::Version,
};
use sluis_bucket::{Endpoint, GoogleIdentity, Patience};
use zeroize::Zeroizing;

use crate::{
    KeyName, KmsError, Oddity,
    refusal::{self, Method},
    request::Body,
    server,
};

/// How long a server may take to be reached.
const CONNECT: Duration = Duration::from_secs(10);
/// The longest answer, in bytes: several times what an error of Google's has.
const LONGEST: usize = 64 * 1024;

/// A key at its server.
pub struct Exchange {
    key: KeyName,
    server: String,
    client: Client,
    /// `None` at a server on this machine: a token is never sent without TLS.
    identity: Option<GoogleIdentity>,
    patience: Patience,
}

impl Exchange {
    /// To be called on the threads that will send.
    pub fn new(key: KeyName, endpoint: Option<&Endpoint>, patience: Patience) -> Result<Self, KmsError> {
        let is_plain = endpoint.is_some_and(Endpoint::is_plain);
        let client = Client::builder()
            .redirect(Policy::none())
            .referer(false)
            .https_only(!is_plain)
            .tls_version_min(Version::TLS_1_2)
            .connect_timeout(CONNECT.min(patience.one_try))
            .timeout(patience.one_try)
            .user_agent("sluis");
        // What is on this machine is never asked for elsewhere.
        let client = if is_plain { client.no_proxy() } else { client };
        let client = client.build().map_err(KmsError::Client)?;
        let identity = if is_plain { None } else { Some(GoogleIdentity::of_environment(patience)?) };
        let server = endpoint.map_or_else(|| server::of(key.region()), |endpoint| endpoint.as_str().to_owned());
        Ok(Self { key, server, client, identity, patience })
    }

    /// What `read` makes of a good answer. Asked again, the key does the same again, so that nothing is lost by that.
    pub async fn ask<T>(
        &self,
        method: Method,
        body: &Body,
        read: impl Fn(&[u8], &KeyName) -> Result<T, Oddity>,
    ) -> Result<T, KmsError> {
        let begun = Instant::now();
        let attempt = || async {
            let answer = self.attempt(method, body).await?;
            read(&answer, &self.key).map_err(|oddity| self.odd(oddity))
        };
        let is_worth_it = |error: &KmsError| error.may_pass() && begun.elapsed() < self.patience.tries_for;
        attempt.retry(self.patience.waits()).when(is_worth_it).await
    }

    async fn attempt(&self, method: Method, body: &Body) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        let address = format!("{}/v1/{}:{}", self.server, self.key, method.name());
        // Both parts were taken apart when they were read.
        let address = Url::parse(&address).map_err(|_| self.odd(Oddity::Form))?;
        let request = self.client.post(address).header(ACCEPT, "application/json");
        let mut request = request.header(CONTENT_TYPE, "application/json").body(body.bytes.clone());
        let token = match &self.identity {
            Some(identity) => identity.token().await?,
            None => Zeroizing::default(),
        };
        if !token.is_empty() {
            request = request.bearer_auth(&*token);
        }
        let answer = request.send().await.map_err(|source| self.unreachable(source))?;
        let status = answer.status().as_u16();
        let outcome = self.body(answer).await;
        if status == 200 {
            return outcome;
        }
        // Why something is refused stands in the status, too.
        let text = match outcome {
            Err(KmsError::Unreachable { .. } | KmsError::Answer { .. }) => Zeroizing::default(),
            outcome => outcome?,
        };
        Err(refusal::read(status, &text, &self.server, &self.key, method, &[&body.secret, &token]))
    }

    async fn body(&self, mut answer: Response) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        let announced = answer.content_length().map_or(Ok(0), usize::try_from).unwrap_or(usize::MAX);
        if announced > LONGEST {
            return Err(self.odd(Oddity::Length));
        }
        // Room for all of it at once, so that growing leaves no copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST));
        while let Some(piece) = answer.chunk().await.map_err(|source| self.unreachable(source))? {
            if bytes.len() + piece.len() > LONGEST {
                return Err(self.odd(Oddity::Length));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    fn unreachable(&self, source: reqwest::Error) -> KmsError {
        KmsError::Unreachable { server: self.server.clone(), source: source.without_url() }
    }

    fn odd(&self, oddity: Oddity) -> KmsError {
        KmsError::Answer { server: self.server.clone(), oddity }
    }

    /// The key.
    pub const fn key(&self) -> &KeyName {
        &self.key
    }

    /// The server's address.
    pub fn server(&self) -> &str {
        &self.server
    }
}
