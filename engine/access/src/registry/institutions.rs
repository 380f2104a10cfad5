//! `institutions.yaml`: with whom the site has an agreement, and from where their people work.

use std::{collections::BTreeMap, str::FromStr};

use ipnet::IpNet;
use sluis_yaml::{Diagnostics, Fields, Node};

use crate::config::parsed;

/// An institution.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Institution {
    /// What it is.
    pub description: String,
    /// Whether its people may work with data.
    pub trust: Trust,
    /// Its networks by name, each a list of address ranges.
    pub networks: BTreeMap<String, Vec<IpNet>>,
}

/// Whether an institution's people may work with data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trust {
    /// It has signed for the data.
    Trusted,
    /// It is shut out for the time being.
    Suspended,
}

impl FromStr for Trust {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "trusted" => Ok(Self::Trusted),
            "suspended" => Ok(Self::Suspended),
            _ => Err(format!("`{text}` is neither `trusted` nor `suspended`")),
        }
    }
}

/// How a network of an institution is called.
pub(crate) fn network_name(network: &str, institution: &str) -> String {
    format!("{network} of {institution}")
}

pub(super) fn read_institution(node: &Node, problems: &mut Diagnostics) -> Option<Institution> {
    let fields = Fields::of(node, "an institution", problems)?;
    fields.check_known(&["description", "trust", "networks"], problems);
    let description = fields.required_string("description", problems);
    let trust = parsed(fields, "trust", problems);
    let mut networks = BTreeMap::new();
    for (name, entry) in fields.mapping("networks", problems).into_iter().flatten() {
        let mut ranges = Vec::new();
        let Some(items) = entry.node.as_sequence() else {
            problems.error(&entry.node.span, format!("a network is a list of ranges, this is {}", entry.node.kind()));
            continue;
        };
        for item in items {
            match item.as_str().unwrap_or_default().parse() {
                Ok(range) => ranges.push(range),
                Err(_) => problems.error(&item.span, "expected a range of addresses, as 192.0.2.0/24".to_owned()),
            }
        }
        networks.insert(name.to_owned(), ranges);
    }
    Some(Institution { description: description?.to_owned(), trust: trust?, networks })
}
