//! Addresses of servers that a site trusts.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
    sync::Arc,
};

use url::{Host, Url};

/// The longest address, in bytes.
const LONGEST: usize = 2048;

/// An address over https, or over http on this machine's loopback. It keeps the text as it was written, because issuers
/// are compared character by character (OpenID Connect Discovery 1.0, section 4.3).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WebAddress {
    text: String,
    url: Arc<Url>,
}

/// Why a text is no address to be trusted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AddressError {
    /// It cannot be read as an address.
    #[error("`{0}` is no address; write it like https://login.example.org/realm")]
    Malformed(String),
    /// It would be reached without encryption.
    #[error("`{0}` is not encrypted on its way; use https (http is for this machine's loopback alone)")]
    Plain(String),
    /// It holds a user name, a password or a fragment.
    #[error("`{0}` holds a user name, a password or a fragment; leave them out")]
    Extras(String),
}

impl WebAddress {
    /// The address exactly as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The address in its normal form, for requests.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Whether it is http, on this machine's loopback.
    pub fn is_plain(&self) -> bool {
        self.url.scheme() == "http"
    }

    /// The address with another path behind it, for `/.well-known/…`.
    pub(crate) fn below(&self, path: &str) -> Result<Self, AddressError> {
        format!("{}{path}", self.text.trim_end_matches('/')).parse()
    }
}

impl FromStr for WebAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let shown = || text.chars().take(120).flat_map(char::escape_debug).collect::<String>();
        // What the parser would quietly remove is refused: two texts must not be one address.
        if text.len() > LONGEST || text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(AddressError::Malformed(shown()));
        }
        let url = Url::parse(text).map_err(|_| AddressError::Malformed(shown()))?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(AddressError::Plain(shown())),
            _ => return Err(AddressError::Malformed(shown())),
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            // Not shown whole: it may hold a password.
            return Err(AddressError::Extras(url.host_str().unwrap_or_default().to_owned()));
        }
        Ok(Self { text: text.to_owned(), url: Arc::new(url) })
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => Ipv4Addr::is_loopback(&address),
        Some(Host::Ipv6(address)) => Ipv6Addr::is_loopback(&address),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

impl fmt::Display for WebAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
