//! Files over HTTP, from hosts that a site's policy names and from no others.

use std::{io::Read, str::FromStr, sync::Arc, time::Duration};

use ureq::{
    Agent, Body,
    http::{Response, Uri, header::LOCATION},
    tls::{RootCerts, TlsConfig},
};
use url::Url;

/// How often a server may send on to another place.
const MOST_REDIRECTS: usize = 5;
/// How long a server may take to be reached and to begin its answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A host, with a port if it is not the usual one: `data.example.org`, `localhost:8080`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Host(String);

impl FromStr for Host {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no host; write its name alone, such as data.example.org");
        let uri: Uri = format!("https://{text}/").parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        let port = authority.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
        if uri.path() != "/" || format!("{}{port}", authority.host()) != text {
            return Err(wrong());
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Why something could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The address is not one of a file on the web.
    #[error("`{0}` is not the address of a file on the web")]
    Address(String),
    /// The policy does not name the host.
    #[error("the host {host} is not among those that the site's policy names")]
    Host {
        /// The host.
        host: Host,
    },
    /// A server that is reached over https sends on to an address that is not.
    #[error("{0} is not encrypted on its way, but what sends there is")]
    Downgrade(String),
    /// The server sent on more often than it may.
    #[error("{0} sends on again and again")]
    Redirects(String),
    /// The server did not give the file.
    #[error("{address} cannot be fetched")]
    Fetch {
        /// The address.
        address: String,
        /// Why.
        #[source]
        source: Box<ureq::Error>,
    },
}

/// The hosts that may be reached.
#[derive(Clone, Debug)]
pub struct RemoteFiles {
    hosts: Vec<Host>,
    agent: Agent,
}

impl RemoteFiles {
    /// Files on these hosts; with none, nothing is ever fetched.
    pub fn on(hosts: Vec<Host>) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(provider)
            .build();
        let agent = Agent::config_builder()
            // Each further place is looked at like the first one.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .proxy(None)
            .user_agent("sluis")
            .tls_config(tls)
            .build()
            .new_agent();
        Self { hosts, agent }
    }

    /// The host of an address over http or https.
    ///
    /// # Errors
    /// If it is no such address.
    pub fn host(address: &str) -> Result<Host, RemoteError> {
        let wrong = || RemoteError::Address(shown(address));
        let uri: Uri = address.parse().map_err(|_| wrong())?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(wrong());
        }
        let authority = uri.authority().map(|authority| authority.as_str()).ok_or_else(wrong)?;
        authority.parse().map_err(|_| wrong())
    }

    /// Opens a file for reading. Blocks until the server answers, and later until it sends more.
    ///
    /// # Errors
    /// If the policy does not name the host, or one that it sends on to, and if the file cannot be had. Reading fails if
    /// the server ends before it has sent what it announced.
    pub fn open(&self, address: &str) -> Result<impl Read + Send + use<>, RemoteError> {
        self.open_within(address, None)
    }

    /// The same for something short: all of it must have come within a minute.
    ///
    /// # Errors
    /// As [`RemoteFiles::open`].
    pub fn open_short(&self, address: &str) -> Result<impl Read + Send + use<>, RemoteError> {
        self.open_within(address, Some(PATIENCE))
    }

    fn open_within(&self, address: &str, limit: Option<Duration>) -> Result<impl Read + Send + use<>, RemoteError> {
        let mut address = address.to_owned();
        for _ in 0..=MOST_REDIRECTS {
            let host = Self::host(&address)?;
            if !self.hosts.contains(&host) {
                return Err(RemoteError::Host { host });
            }
            let failed = |source| RemoteError::Fetch { address: shown(&address), source: Box::new(source) };
            let request = self.agent.get(&address).config().timeout_global(limit).build();
            let response = request.call().map_err(failed)?;
            match next(&response, &address)? {
                Some(next) => address = next,
                None => return Ok(response.into_body().into_reader()),
            }
        }
        Err(RemoteError::Redirects(shown(&address)))
    }
}

/// An address without what may be secret in it: a password, or a query, which often holds a token.
pub fn shown(address: &str) -> String {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = path.split_once("://").unwrap_or(("", path));
    let (authority, file) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
    format!("{scheme}{host}{file}")
}

/// Where a response sends on to.
fn next(response: &Response<Body>, from: &str) -> Result<Option<String>, RemoteError> {
    if !response.status().is_redirection() {
        return Ok(None);
    }
    let wrong = || RemoteError::Address(shown(from));
    let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok()).ok_or_else(wrong)?;
    let from = Url::parse(from).map_err(|_| wrong())?;
    let to = from.join(to).map_err(|_| wrong())?;
    // What was asked for in secret is not asked for in the open.
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(RemoteError::Downgrade(shown(to.as_str())));
    }
    Ok(Some(to.into()))
}
