//! `site.yaml`: what the site is called, in which country it stands, how strict its machines are.

mod containers;
pub(crate) mod executors;
mod identity;
mod minutes;
mod patience;
mod resume;
mod retries;
pub(crate) mod visas;

use std::{fmt, path::Path, str::FromStr};

pub use containers::Containers;
pub use executors::Executors;
pub use identity::IdentityConfig;
pub use patience::DockerPatience;
pub use resume::ResumeWithin;
pub use retries::{Factor, RetryPolicy};
use sluis_bucket::BucketConfig;
use sluis_model::EuCountry;
use sluis_remote::Host;
use sluis_yaml::{Diagnostics, Fields, Node};

use crate::{AccessError, Quota};

/// The configuration of a site.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SiteConfig {
    /// Its name.
    pub name: String,
    /// The member state in which its own machines stand. There is no other choice.
    pub country: EuCountry,
    /// Whether data may be in memory on a machine that swaps to an unencrypted disk.
    pub unencrypted_swap: Rule,
    /// Whether tools that ask for it may reach the network (CWL v1.2, NetworkAccess).
    pub network_access: Rule,
    /// Whether a site of an institute runs tools without a container. They have the rights of whoever runs the engine, and
    /// so could read the site's keys. A personal site runs them in any case.
    pub local_executor: Rule,
    /// Which other executors the site allows, and whether its machines encrypt their memory.
    pub executors: Executors,
    /// What runs tools in containers.
    pub containers: Containers,
    /// The hosts from which inputs and documents may be fetched over HTTP.
    pub remote_hosts: Vec<Host>,
    /// How many bytes the store may hold; as many as there is room for if `None`.
    pub quota: Option<Quota>,
    /// The bucket that holds the store; the site's own folder if `None`.
    pub bucket: Option<BucketConfig>,
    /// How often and how a failed task is tried again.
    pub retries: RetryPolicy,
    /// For how long what engines leave behind that were killed is kept.
    pub resume_within: ResumeWithin,
    /// For how long runs wait for the Docker daemon when it goes away.
    pub docker_patience: DockerPatience,
    /// Who may say who somebody is; on a personal site nobody, so `None`.
    pub identity: Option<IdentityConfig>,
}

/// Whether the site permits what could let plaintext out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Rule {
    /// No.
    #[default]
    Refuse,
    /// Yes: for data that are public anyway.
    Allow,
}

impl Rule {
    const fn name(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Allow => "allow",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Refuse, Self::Allow]
            .into_iter()
            .find(|choice| choice.name() == text)
            .ok_or_else(|| format!("`{text}` is neither `refuse` nor `allow`"))
    }
}

/// A site's name, which must fit on one line.
struct SiteName(String);

impl FromStr for SiteName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fits = !text.is_empty() && text.len() <= 100 && !text.chars().any(|c| c.is_control() || "\"\\".contains(c));
        if fits { Ok(Self(text.to_owned())) } else { Err("a site's name is 1 to 100 letters on one line".to_owned()) }
    }
}

/// The fields of `site.yaml`.
const KNOWN: &[&str] = &[
    "format",
    "name",
    "country",
    "unencrypted-swap",
    "network-access",
    "local-executor",
    executors::ALLOWED,
    executors::CONFIDENTIAL,
    containers::KEY,
    "remote-hosts",
    "quota",
    "store",
    "retries",
    resume::KEY,
    patience::KEY,
    "identity",
];

impl SiteConfig {
    /// The text of `site.yaml`.
    ///
    /// # Errors
    /// If the name cannot be a site's name.
    pub(crate) fn to_yaml(&self) -> Result<String, String> {
        let SiteName(name) = self.name.parse()?;
        Ok(format!(
            "# What sluis knows of this site. Read at every start; see docs/registry.md.\n\
             format: \"1\"\n\
             name: \"{name}\"\n\
             # The member state of the European Union in which the site's own machines stand.\n\
             country: \"{}\"\n\
             # Whether data may be in memory while this machine swaps to an unencrypted disk: refuse or allow.\n\
             unencrypted-swap: {}\n\
             # Whether tools that ask for it may reach the network, and so send data anywhere: refuse or allow.\n\
             network-access: {}\n\
             {}{}{}# The hosts from which inputs and documents may be fetched, such as data.example.org.\n\
             remote-hosts: [{}]\n{}{}{}{}{}",
            self.country,
            self.unencrypted_swap,
            self.network_access,
            if self.local_executor == Rule::Allow { "local-executor: allow\n" } else { "" },
            executors::to_yaml(&self.executors),
            containers::to_yaml(self.containers),
            self.remote_hosts.iter().map(|host| format!("\"{host}\"")).collect::<Vec<_>>().join(", "),
            self.quota.map_or_else(String::new, |quota| format!(
                "# How many bytes the store may hold, such as 2 TB or 500 GiB.\nquota: {quota}\n"
            )),
            self.bucket.as_ref().map_or_else(String::new, bucket_yaml),
            retries::to_yaml(&self.retries),
            resume::to_yaml(self.resume_within),
            patience::to_yaml(self.docker_patience)
        ))
    }

    /// Reads `site.yaml`.
    ///
    /// # Errors
    /// Every problem of it, with its place.
    pub(crate) fn read(path: &Path) -> Result<Self, AccessError> {
        let mut problems = Diagnostics::default();
        let node = sluis_yaml::read(path, &mut problems);
        let fields = node.as_ref().and_then(|node| Fields::of(node, "the site's configuration", &mut problems));
        let config = fields.and_then(|fields| {
            fields.check_known(KNOWN, &mut problems);
            let format = fields.required_string("format", &mut problems)?;
            if format != "1" {
                let message = format!("this is a site of format {format}; this version of sluis reads format 1");
                problems.error(fields.span(), message);
            }
            let name = parsed(fields, "name", &mut problems);
            let country = parsed(fields, "country", &mut problems);
            let unencrypted_swap = parsed(fields, "unencrypted-swap", &mut problems);
            let network_access = match fields.get("network-access") {
                Some(_) => parsed(fields, "network-access", &mut problems),
                None => Some(Rule::Refuse),
            };
            let local_executor = match fields.get("local-executor") {
                Some(_) => parsed(fields, "local-executor", &mut problems),
                None => Some(Rule::Refuse),
            };
            let executors = executors::read(fields, &mut problems);
            let containers = match fields.get(containers::KEY) {
                Some(_) => parsed(fields, containers::KEY, &mut problems),
                None => Some(Containers::default()),
            };
            let remote_hosts = remote_hosts(fields, &mut problems);
            let quota = match fields.get("quota") {
                Some(_) => Some(parsed(fields, "quota", &mut problems)?),
                None => None,
            };
            let bucket = match fields.get("store") {
                Some(node) => Some(bucket(node, &mut problems)?),
                None => None,
            };
            let retries = match fields.get("retries") {
                Some(node) => retries::read(node, &mut problems)?,
                None => RetryPolicy::default(),
            };
            let resume_within = resume::read(fields, &mut problems);
            let docker_patience = patience::read(fields, &mut problems);
            let identity = match fields.get("identity") {
                Some(node) => Some(identity::read(node, &mut problems)?),
                None => None,
            };
            let SiteName(name) = name?;
            Some(Self {
                name,
                country: country?,
                unencrypted_swap: unencrypted_swap?,
                network_access: network_access?,
                local_executor: local_executor?,
                executors,
                containers: containers?,
                remote_hosts,
                quota,
                bucket,
                retries,
                resume_within,
                docker_patience,
                identity,
            })
        });
        match config {
            Some(config) if !problems.has_errors() => Ok(config),
            _ => Err(AccessError::Config(problems)),
        }
    }
}

fn bucket_yaml(bucket: &BucketConfig) -> String {
    let endpoint = bucket.endpoint().map_or_else(String::new, |endpoint| format!("  endpoint: \"{endpoint}\"\n"));
    format!(
        "# The bucket that holds the store, and the region of the EU in which it must lie.\n\
         store:\n  bucket: \"{}\"\n  region: {}\n{endpoint}",
        bucket.place(),
        bucket.region()
    )
}

fn bucket(node: &Node, problems: &mut Diagnostics) -> Option<BucketConfig> {
    let fields = Fields::of(node, "`store`", problems)?;
    fields.check_known(&["bucket", "region", "endpoint"], problems);
    let place = parsed(fields, "bucket", problems);
    let region = parsed(fields, "region", problems);
    let endpoint = match fields.get("endpoint") {
        Some(_) => Some(parsed(fields, "endpoint", problems)?),
        None => None,
    };
    let config = BucketConfig::new(place?, region?, endpoint);
    config.map_err(|error| problems.error(&node.span, error.to_string())).ok()
}

fn remote_hosts(fields: Fields<'_>, problems: &mut Diagnostics) -> Vec<Host> {
    let mut hosts = Vec::new();
    for node in fields.list("remote-hosts", problems) {
        match node.as_str().unwrap_or_default().parse() {
            Ok(host) => hosts.push(host),
            Err(why) => problems.error(&node.span, format!("`remote-hosts`: {why}")),
        }
    }
    hosts
}

/// A required field that is parsed from its text; what is wrong with it goes to the problems.
pub(crate) fn parsed<T: FromStr<Err: fmt::Display>>(
    fields: Fields<'_>,
    key: &str,
    problems: &mut Diagnostics,
) -> Option<T> {
    let text = fields.required_string(key, problems)?;
    let parsed = text.parse().map_err(|error: T::Err| error.to_string());
    match (parsed, fields.get(key)) {
        (Ok(value), _) => Some(value),
        (Err(error), node) => {
            problems.error(node.map_or(fields.span(), |node| &node.span), format!("`{key}`: {error}"));
            None
        }
    }
}
