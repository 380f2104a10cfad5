//! An image's configuration (OCI image specification 1.1, Image Configuration).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::ImageError;

/// What of it matters.
#[derive(Debug)]
pub(super) struct Configuration {
    /// `config.Env`
    pub environment: Vec<(String, String)>,
    /// `config.Entrypoint`
    pub entrypoint: Vec<String>,
    /// `config.Volumes`, those that are paths.
    pub volumes: Vec<String>,
    /// `rootfs.diff_ids`: the digest of each layer, unpacked.
    pub layers: Vec<String>,
}

#[derive(Deserialize)]
struct Document {
    os: String,
    #[serde(default)]
    config: Settings,
    rootfs: RootFs,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Settings {
    env: Option<Vec<String>>,
    entrypoint: Option<Vec<String>>,
    volumes: Option<BTreeMap<String, serde_json::Value>>,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Vec<String>,
}

impl Configuration {
    /// Reads its JSON.
    pub fn read(text: &[u8]) -> Result<Self, ImageError> {
        let wrong = |reason: String| ImageError::Configuration { reason };
        let Document { os, config, rootfs } = serde_json::from_slice(text).map_err(|error| wrong(error.to_string()))?;
        if os != "linux" {
            return Err(wrong(format!("it is for the system `{os}`")));
        }
        let variable = |pair: String| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        let volumes = config.volumes.unwrap_or_default().into_keys().map(|path| path.trim_end_matches('/').to_owned());
        Ok(Self {
            environment: config.env.unwrap_or_default().into_iter().filter_map(variable).collect(),
            entrypoint: config.entrypoint.unwrap_or_default(),
            volumes: volumes.filter(|path| path.starts_with('/')).collect(),
            layers: rootfs.diff_ids,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_is_read_and_what_is_absent_is_nothing() {
        let full = br#"{"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": ["sha256:0"]},
            "config": {"Env": ["A=b=c", "D="], "Entrypoint": ["sh", "-c"], "Volumes": {"/data/": {}, "x": {}}}}"#;
        let read = Configuration::read(full).unwrap();
        assert_eq!(read.environment, [("A".to_owned(), "b=c".to_owned()), ("D".to_owned(), String::new())]);
        assert_eq!((read.entrypoint.join(" ").as_str(), read.volumes), ("sh -c", vec!["/data".to_owned()]));
        let bare =
            Configuration::read(br#"{"os": "linux", "config": {"Env": null}, "rootfs": {"diff_ids": []}}"#).unwrap();
        assert!(bare.environment.is_empty() && bare.entrypoint.is_empty() && bare.layers.is_empty());
        assert!(Configuration::read(br#"{"os": "windows", "rootfs": {"diff_ids": []}}"#).is_err());
        assert!(Configuration::read(b"[]").is_err());
    }
}
