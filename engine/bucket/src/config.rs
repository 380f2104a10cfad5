//! Which bucket, where it must lie, and at which server.

use std::{fmt, str::FromStr};

use sluis_model::{Cloud, CloudRegion};
use sluis_store::backend::Name;
use url::{Host, Url};

/// Why a text is not the place of a bucket.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlaceError {
    /// It is no such address.
    #[error(
        "`{0}` is no bucket: expected gs://BUCKET/PREFIX or s3://BUCKET/PREFIX, in lower case; the prefix may be left out"
    )]
    Text(String),
    /// Azure's buckets cannot be used.
    #[error(
        "`{0}` is refused: Azure's blob service cannot say in which region a container lies, so it cannot be verified that \
         it lies in the European Union; use gs:// or s3://"
    )]
    Azure(String),
}

/// Why a text is not the address of a server.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no server: expected https://HOST, or http://HOST on this machine alone")]
pub struct EndpointError(String);

/// Why a bucket cannot be where it is said to be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{place} belongs to {}, but {region} is a region of {}", place.cloud, region.cloud())]
pub struct MismatchError {
    place: Place,
    region: CloudRegion,
}

/// A bucket, and the part of it that a store has for itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    cloud: Cloud,
    bucket: String,
    /// Without a `/` at its end; may be empty.
    prefix: String,
}

impl Place {
    /// Whose bucket it is.
    pub const fn cloud(&self) -> Cloud {
        self.cloud
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// What the names of the store's blobs begin with in the bucket: empty, or ending in `/`.
    pub(crate) fn start(&self) -> String {
        if self.prefix.is_empty() { String::new() } else { format!("{}/", self.prefix) }
    }

    const fn scheme(&self) -> &'static str {
        match self.cloud {
            Cloud::Google => "gs",
            Cloud::Amazon => "s3",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let wrong = || PlaceError::Text(text.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let cloud = match scheme {
            "gs" => Cloud::Google,
            "s3" => Cloud::Amazon,
            "az" | "azure" | "abfs" | "abfss" => return Err(PlaceError::Azure(text.to_owned())),
            _ => return Err(wrong()),
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        let is_bucket = (3..=222).contains(&bucket.len())
            && bucket.bytes().all(fits)
            && !bucket.contains("..")
            && bucket.starts_with(|first: char| first.is_ascii_alphanumeric());
        if !is_bucket || !(prefix.is_empty() || Name::new(prefix).is_ok() && prefix.len() <= 200) {
            return Err(wrong());
        }
        Ok(Self { cloud, bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

/// The address of a server: `https`, or `http` on this machine, where nobody else can listen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    text: String,
    is_plain: bool,
}

impl Endpoint {
    /// The address, without a `/` at its end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is spoken to without TLS, on this machine.
    pub const fn is_plain(&self) -> bool {
        self.is_plain
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let wrong = || EndpointError(text.to_owned());
        let url = Url::parse(text).map_err(|_| wrong())?;
        let is_here = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => return Err(wrong()),
        };
        let is_plain = match url.scheme() {
            "https" => false,
            "http" if is_here => true,
            _ => return Err(wrong()),
        };
        let is_bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        if !is_bare || url.path() != "/" || url.fragment().is_some() {
            return Err(wrong());
        }
        Ok(Self { text: url.as_str().trim_end_matches('/').to_owned(), is_plain })
    }
}

/// A bucket to open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BucketConfig {
    place: Place,
    region: CloudRegion,
    endpoint: Option<Endpoint>,
}

impl BucketConfig {
    /// The bucket at `place`, which must lie in `region`; at the cloud's own server if `endpoint` is `None`.
    ///
    /// # Errors
    /// If the region is another cloud's.
    pub fn new(place: Place, region: CloudRegion, endpoint: Option<Endpoint>) -> Result<Self, MismatchError> {
        if place.cloud == region.cloud() {
            Ok(Self { place, region, endpoint })
        } else {
            Err(MismatchError { place, region })
        }
    }

    /// Which bucket.
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Where it must lie.
    pub const fn region(&self) -> CloudRegion {
        self.region
    }

    /// The server, if it is not the cloud's own.
    pub const fn endpoint(&self) -> Option<&Endpoint> {
        self.endpoint.as_ref()
    }

    /// The address of the server. It is always given to the client, so that no variable of the environment can lead to
    /// another one.
    pub(crate) fn server(&self) -> String {
        match (&self.endpoint, self.place.cloud) {
            (Some(endpoint), _) => endpoint.text.clone(),
            (None, Cloud::Google) => "https://storage.googleapis.com".to_owned(),
            (None, Cloud::Amazon) => format!("https://s3.{}.amazonaws.com", self.region),
        }
    }

    /// Whether the server is on this machine and spoken to without TLS.
    pub(crate) fn is_plain(&self) -> bool {
        self.endpoint.as_ref().is_some_and(Endpoint::is_plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_parse_and_print() {
        for text in ["gs://a-bucket", "s3://bucket.b/sluis", "gs://abc/some/where"] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        assert_eq!("gs://abc/x/".parse::<Place>().unwrap().start(), "x/");
        for text in
            ["", "abc", "gs://", "gs://ab", "gs://A-bucket", "gs://abc//x", "gs://abc/../x", "gs://abc/.x", "ftp://abc"]
        {
            assert!(matches!(text.parse::<Place>(), Err(PlaceError::Text(_))), "{text}");
        }
        assert!(matches!("az://account/container".parse::<Place>(), Err(PlaceError::Azure(_))));
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for text in ["http://127.0.0.1:4443", "http://localhost:1", "http://[::1]:7", "https://storage.example.org"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().as_str(), text);
        }
        for text in [
            "http://example.org",
            "http://10.0.0.1",
            "ftp://127.0.0.1",
            "127.0.0.1:80",
            "https://a:b@example.org",
            "https://example.org/path",
            "https://example.org/?x",
            "http://127.0.0.1.example.org",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_bucket_and_its_region_belong_to_one_cloud() {
        let place = || "gs://abc".parse::<Place>().unwrap();
        assert!(BucketConfig::new(place(), CloudRegion::EuropeWest4, None).is_ok());
        let error = BucketConfig::new(place(), CloudRegion::EuCentral1, None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "gs://abc belongs to Google Cloud, but eu-central-1 is a region of Amazon Web Services"
        );
    }
}
