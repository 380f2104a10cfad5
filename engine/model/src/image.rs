//! Which container image a task runs in.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Why a text is not an image identifier.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not an image identifier: expected `sha256:` and 64 lowercase hexadecimal digits")]
pub struct ImageIdError(String);

/// The content digest of an image: the SHA-256 of its configuration, which names each layer by digest.
///
/// Source: OCI image specification, "Image ID".
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageId(String);

impl ImageId {
    /// The identifier as text: `sha256:` and 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ImageId {
    type Err = ImageIdError;

    fn from_str(text: &str) -> Result<Self, ImageIdError> {
        let is_digest = text
            .strip_prefix("sha256:")
            .is_some_and(|digits| digits.len() == 64 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
        if is_digest { Ok(Self(text.to_owned())) } else { Err(ImageIdError(text.to_owned())) }
    }
}

impl TryFrom<String> for ImageId {
    type Error = ImageIdError;

    fn try_from(text: String) -> Result<Self, ImageIdError> {
        text.parse()
    }
}

impl From<ImageId> for String {
    fn from(id: ImageId) -> String {
        id.0
    }
}

/// The image a tool asks for (CWL v1.2, CommandLineTool, DockerRequirement).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct ImageReference {
    /// `dockerPull` or a human-readable `dockerImageId`: the name to find or pull.
    pub name: String,
    /// `dockerImageId` when it is a digest: the image must have exactly this content.
    pub id: Option<ImageId>,
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.id {
            Some(id) => write!(f, " ({id})"),
            None => Ok(()),
        }
    }
}
