//! The section `identity` of `site.yaml`: who may say who somebody is. A site without it is of one person.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use sluis_identity::{Algorithm, Trust, TrustedIssuer, WebAddress};
use sluis_yaml::{Diagnostics, Fields, Node};

use super::{parsed, visas};
use crate::VisaRules;

const KNOWN: &[&str] = &["issuers", "clock-skew-seconds", "http-on-loopback", "visas"];

const ISSUER: &[&str] = &["issuer", "client", "audience", "algorithms", "multi-factor"];

/// Who may say who somebody is, and what others must say of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdentityConfig {
    /// Whose tokens and visas count.
    pub trust: Trust,
    /// What is asked of visas.
    pub visas: VisaRules,
}

pub(super) fn read(node: &Node, problems: &mut Diagnostics) -> Option<IdentityConfig> {
    let fields = Fields::of(node, "`identity`", problems)?;
    fields.check_known(KNOWN, problems);
    let http_on_loopback = fields.boolean("http-on-loopback", problems).unwrap_or_default();
    let mut trust = Trust { http_on_loopback, ..Trust::default() };
    if let Some(seconds) = fields.integer("clock-skew-seconds", problems) {
        trust.clock_skew = SignedDuration::from_secs(seconds);
    }
    let issuers = fields.list("issuers", problems);
    trust.issuers = issuers.iter().filter_map(|node| issuer(node, problems)).collect();
    if issuers.is_empty() {
        problems.error(&node.span, "`identity` names no `issuers`, so nobody could log in".to_owned());
    }
    let rules = fields.get("visas").map_or(Some(VisaRules::default()), |node| visas::read(node, &mut trust, problems));
    Some(IdentityConfig { trust, visas: rules? })
}

fn issuer(node: &Node, problems: &mut Diagnostics) -> Option<TrustedIssuer> {
    let fields = Fields::of(node, "an issuer", problems)?;
    fields.check_known(ISSUER, problems);
    let address: Option<WebAddress> = parsed(fields, "issuer", problems);
    let client = fields.required_string("client", problems);
    let mut issuer = TrustedIssuer::new(address?, client?);
    if let Some(audience) = fields.string("audience", problems) {
        audience.clone_into(&mut issuer.audience);
    }
    if fields.get("multi-factor").is_some() {
        issuer.multi_factor_acr = fields.strings("multi-factor", problems).into_iter().map(str::to_owned).collect();
    }
    if fields.get("algorithms").is_some() {
        issuer.algorithms = algorithms(fields, problems);
    }
    Some(issuer)
}

fn algorithms(fields: Fields<'_>, problems: &mut Diagnostics) -> BTreeSet<Algorithm> {
    let mut found = BTreeSet::new();
    for item in fields.list("algorithms", problems) {
        match item.as_str().and_then(Algorithm::from_name) {
            Some(algorithm) => drop(found.insert(algorithm)),
            None => problems.error(&item.span, "an algorithm is RS256 or ES256".to_owned()),
        }
    }
    found
}
