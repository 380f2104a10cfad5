//! The name of a key, which says where it lies.

use std::{fmt, str::FromStr};

use sluis_model::{Cloud, CloudRegion};

/// Why a text is not the name of a key that may be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyNameError {
    /// It has not the form.
    #[error(
        "`{0}` is no key of Cloud KMS: expected projects/PROJECT/locations/REGION/keyRings/RING/cryptoKeys/KEY, as \
         `gcloud kms keys list` shows it"
    )]
    Form(String),
    /// It names one version.
    #[error(
        "`{0}` is one version of a key, which would be of no use after the key's rotation; leave /cryptoKeyVersions and what \
         follows out"
    )]
    Version(String),
    /// The key does not lie in one region of the EU.
    #[error(
        "a key in `{location}` is refused: {why}; make one in a region of the European Union, such as `gcloud kms keys create \
         KEY --keyring RING --location europe-west3 --purpose encryption`"
    )]
    Location {
        /// Where it lies.
        location: String,
        /// What is wrong with that.
        why: &'static str,
    },
}

/// The name of a key in Cloud KMS, in one region of the European Union.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct KeyName {
    text: String,
    region: CloudRegion,
}

impl KeyName {
    /// The name, as `projects/…/locations/…/keyRings/…/cryptoKeys/…`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where the key lies.
    pub const fn region(&self) -> CloudRegion {
        self.region
    }

    /// The number of the version that a name of one of this key's versions ends with.
    pub(crate) fn version_in<'a>(&self, name: &'a str) -> Option<&'a str> {
        let version = name.strip_prefix(&self.text)?.strip_prefix("/cryptoKeyVersions/")?;
        let is_number = (1..=20).contains(&version.len()) && version.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then_some(version)
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The longest that each part may be: <https://cloud.google.com/kms/docs/resource-hierarchy>, and projects of domains.
const LONGEST: usize = 63;

impl FromStr for KeyName {
    type Err = KeyNameError;

    fn from_str(text: &str) -> Result<Self, KeyNameError> {
        let shown = || text.chars().take(300).flat_map(char::escape_debug).collect::<String>();
        let parts: Vec<_> = text.split('/').collect();
        let ["projects", project, "locations", location, "keyRings", ring, "cryptoKeys", key, rest @ ..] = &*parts
        else {
            return Err(KeyNameError::Form(shown()));
        };
        let fits = |part: &str, more: &[u8]| {
            let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte) || more.contains(&byte);
            (1..=LONGEST).contains(&part.len()) && part.bytes().all(is_letter)
        };
        // The parts of a project of a domain are separated by a colon, as in `example.org:genomes`.
        let is_name =
            fits(project, b".:") && !matches!(*project, "." | "..") && [ring, key].iter().all(|part| fits(part, b""));
        match rest {
            [] if is_name => {}
            ["cryptoKeyVersions", _] if is_name => return Err(KeyNameError::Version(shown())),
            _ => return Err(KeyNameError::Form(shown())),
        }
        let refused = |why| KeyNameError::Location {
            location: location.chars().flat_map(char::escape_debug).take(100).collect(),
            why,
        };
        let region = location.parse::<CloudRegion>().ok().filter(|region| region.name() == *location);
        match region {
            Some(region) if region.cloud() == Cloud::Google => Ok(Self { text: text.to_owned(), region }),
            _ if *location == "global" => Err(refused("Google may keep and use it anywhere")),
            // Every region of Google's has a dash and a digit at its end.
            _ if !location.contains('-') => {
                Err(refused("it spans several places, and in which of them it is used cannot be chosen"))
            }
            _ => Err(refused("it is no region of Google Cloud in the European Union")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(location: &str) -> String {
        format!("projects/p-1/locations/{location}/keyRings/ring_1/cryptoKeys/Key-1")
    }

    #[test]
    fn a_key_lies_in_one_region_of_the_eu() {
        for region in CloudRegion::ALL {
            let parsed = named(region.name()).parse::<KeyName>();
            if region.cloud() == Cloud::Google {
                let key = parsed.unwrap();
                assert_eq!((key.region(), key.to_string()), (*region, named(region.name())));
            } else {
                assert!(matches!(parsed, Err(KeyNameError::Location { .. })), "{region}");
            }
        }
        for (location, says) in [
            ("global", "anywhere"),
            ("europe", "several places"),
            ("eu", "several places"),
            ("eur4", "several places"),
            ("us", "several places"),
            ("", "several places"),
            ("europe-west2", "no region of Google Cloud in the European Union"),
            ("europe-west6", "no region of Google Cloud in the European Union"),
            ("us-central1", "no region of Google Cloud in the European Union"),
            ("EUROPE-WEST3", "no region of Google Cloud in the European Union"),
            ("europe-west3 ", "no region of Google Cloud in the European Union"),
        ] {
            let error = named(location).parse::<KeyName>().unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("europe-west3"), "{location}: {error}");
        }
    }

    #[test]
    fn what_is_no_name_of_a_key_does_not_parse() {
        let good = named("europe-west3");
        assert!(good.replace("p-1", "example.org:genomes").parse::<KeyName>().is_ok());
        for bad in [
            "",
            "key",
            &good[1..],
            &format!("/{good}"),
            &format!("{good}/"),
            &format!("{good}:decrypt"),
            &format!("{good}?x=y"),
            &format!("{good} "),
            &format!("{good}/x/1"),
            &good.replace("p-1", ".."),
            &good.replace("p-1", ""),
            &good.replace("ring_1", "ring%2f"),
            &good.replace("Key-1", &"k".repeat(64)),
            &good.replace("keyRings", "keyrings"),
        ] {
            assert!(matches!(bad.parse::<KeyName>(), Err(KeyNameError::Form(_))), "{bad}");
        }
        let version = format!("{good}/cryptoKeyVersions/1");
        assert!(matches!(version.parse::<KeyName>(), Err(KeyNameError::Version(_))));
        let key: KeyName = good.parse().unwrap();
        assert_eq!(key.version_in(&version), Some("1"));
        for other in
            [&good, &format!("{version}/x"), &format!("{good}x/cryptoKeyVersions/1"), &version.replace("p-1", "p-2")]
        {
            assert_eq!(key.version_in(other), None, "{other}");
        }
    }
}
