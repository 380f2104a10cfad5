//! The part `visas` of `identity` in `site.yaml`: whose passports and visas count, and what the site asks of them.

use std::collections::{BTreeMap, BTreeSet};

use sluis_identity::{Trust, TrustedVisaIssuer, VisaType, WebAddress};
use sluis_yaml::{Diagnostics, Fields, Node};

use crate::VisaRules;

const KNOWN: &[&str] = &["brokers", "issuers", "required", "training"];

const ISSUER: &[&str] = &["issuer", "key-sets", "sources", "subjects-of"];

/// The longest address that stands for something, in characters (GA4GH Passport 1.2, "URL Claims").
const LONGEST: usize = 255;

/// The types of which a site can ask everybody for one. The others are about something: a course, a dataset, a name.
const REQUIRABLE: [VisaType; 2] = [VisaType::AffiliationAndRole, VisaType::ResearcherStatus];

/// Reads it, and notes in the trust whose passports and visas count.
pub(super) fn read(node: &Node, trust: &mut Trust, problems: &mut Diagnostics) -> Option<VisaRules> {
    let fields = Fields::of(node, "`visas`", problems)?;
    fields.check_known(KNOWN, problems);
    for broker in login_issuers(fields, "brokers", trust, problems) {
        let known = trust.issuers.iter_mut().filter(|issuer| issuer.issuer.as_str() == broker);
        known.for_each(|issuer| issuer.passport_broker = true);
    }
    let issuers = fields.list("issuers", problems);
    let read = issuers.iter().filter_map(|node| issuer(node, trust, problems));
    trust.visa_issuers = read.collect();
    for (field, is_empty) in [("brokers", fields.list("brokers", problems).is_empty()), ("issuers", issuers.is_empty())]
    {
        if is_empty {
            problems.error(&node.span, format!("`visas` names no `{field}`, so no visa would count"));
        }
    }
    let required = required(fields, trust, problems);
    let mut training = BTreeSet::new();
    for node in fields.list("training", problems) {
        training.extend(address(node, "training", problems));
    }
    if !training.is_empty() && !is_believed(trust, VisaType::AcceptedTermsAndPolicies) {
        problems.error(&node.span, not_believed(VisaType::AcceptedTermsAndPolicies));
    }
    Some(VisaRules { required, training })
}

/// An address that stands for something: a course, a grant. It is compared as a whole and never fetched.
pub(crate) fn address(node: &Node, field: &str, problems: &mut Diagnostics) -> Option<String> {
    let text = node.as_str().unwrap_or_default();
    let rest = ["https://", "http://"].into_iter().find_map(|scheme| text.strip_prefix(scheme));
    let is_one_line = text.chars().count() <= LONGEST && text.chars().all(|c| !c.is_whitespace() && !c.is_control());
    if rest.is_some_and(|rest| !rest.is_empty()) && is_one_line {
        return Some(text.to_owned());
    }
    let message =
        format!("`{field}`: `{text}` is no address such as visas have, https://… of up to {LONGEST} characters");
    problems.error(&node.span, message);
    None
}

fn issuer(node: &Node, trust: &Trust, problems: &mut Diagnostics) -> Option<TrustedVisaIssuer> {
    let fields = Fields::of(node, "a visa issuer", problems)?;
    fields.check_known(ISSUER, problems);
    let issuer = fields.required_string("issuer", problems);
    let mut key_sets: BTreeSet<WebAddress> = BTreeSet::new();
    for node in fields.list("key-sets", problems) {
        match node.as_str().unwrap_or_default().parse() {
            Ok(address) => drop(key_sets.insert(address)),
            Err(error) => problems.error(&node.span, format!("`key-sets`: {error}")),
        }
    }
    let sources = fields.get("sources").and_then(|node| sources(node, problems)).unwrap_or_default();
    let subjects_of = login_issuers(fields, "subjects-of", trust, problems);
    for (field, is_empty) in [("key-sets", key_sets.is_empty()), ("sources", sources.is_empty())] {
        if is_empty {
            problems.error(fields.span(), format!("a visa issuer without `{field}` could issue nothing that counts"));
        }
    }
    Some(TrustedVisaIssuer { issuer: issuer?.to_owned(), key_sets, sources, subjects_of })
}

/// The sources that are believed, by the type of their visas.
fn sources(node: &Node, problems: &mut Diagnostics) -> Option<BTreeMap<VisaType, BTreeSet<String>>> {
    let fields = Fields::of(node, "`sources`", problems)?;
    let mut sources = BTreeMap::new();
    for (name, entry) in fields.all() {
        let named: BTreeSet<_> = fields.strings(name, problems).into_iter().map(str::to_owned).collect();
        match name.parse::<VisaType>() {
            Ok(kind) if !named.is_empty() => drop(sources.insert(kind, named)),
            Ok(kind) => {
                problems.error(&entry.key, format!("of whom visas of the type {kind} are believed is not said"))
            }
            Err(_) => {
                problems.error(&entry.key, format!("`{name}` is no type of visas; there are {}", names(VisaType::ALL)))
            }
        }
    }
    Some(sources)
}

/// The types of which everybody needs a visa, each with the values that count.
fn required(fields: Fields<'_>, trust: &Trust, problems: &mut Diagnostics) -> BTreeMap<VisaType, BTreeSet<String>> {
    let mut required = BTreeMap::new();
    let Some(node) = fields.get("required") else { return required };
    let Some(fields) = Fields::of(node, "`required`", problems) else { return required };
    for (name, entry) in fields.all() {
        let mut values = BTreeSet::new();
        for node in fields.list(name, problems) {
            values.extend(required_value(name, node, problems));
        }
        match REQUIRABLE.into_iter().find(|kind| kind.name() == name) {
            Some(kind) if !is_believed(trust, kind) => problems.error(&entry.key, not_believed(kind)),
            Some(kind) if values.is_empty() => {
                problems
                    .error(&entry.key, format!("which values of {kind} count is not said, so nobody could have one"));
            }
            Some(kind) => drop(required.insert(kind, values)),
            None => problems.error(&entry.key, format!("`required` can be {}", names(REQUIRABLE))),
        }
    }
    required
}

/// An affiliation is a role and a domain, as `faculty@maxima.example.org`, or any role there, as `*@maxima.example.org`.
fn required_value(kind: &str, node: &Node, problems: &mut Diagnostics) -> Option<String> {
    if kind != VisaType::AffiliationAndRole.name() {
        return address(node, "required", problems);
    }
    let text = node.as_str().unwrap_or_default();
    let is_affiliation = |(role, domain): (&str, &str)| {
        let is_plain = |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
        is_plain(role) && is_plain(domain) && !domain.contains(['*', '@']) && (role == "*" || !role.contains('*'))
    };
    if text.split_once('@').is_some_and(is_affiliation) {
        return Some(text.to_owned());
    }
    problems.error(&node.span, format!("`required`: `{text}` is neither ROLE@DOMAIN nor *@DOMAIN"));
    None
}

/// Addresses that must be those of issuers with which people log in.
fn login_issuers(fields: Fields<'_>, field: &str, trust: &Trust, problems: &mut Diagnostics) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for node in fields.list(field, problems) {
        let name = node.as_str().unwrap_or_default();
        if trust.issuers.iter().any(|issuer| issuer.issuer.as_str() == name) {
            found.insert(name.to_owned());
        } else {
            problems.error(&node.span, format!("`{field}`: `{name}` is not among the `issuers` of `identity`"));
        }
    }
    found
}

fn is_believed(trust: &Trust, kind: VisaType) -> bool {
    trust.visa_issuers.iter().any(|issuer| issuer.sources.contains_key(&kind))
}

fn not_believed(kind: VisaType) -> String {
    format!("no visa issuer has `sources` of the type {kind}, so nobody could have such a visa")
}

fn names<const COUNT: usize>(kinds: [VisaType; COUNT]) -> String {
    kinds.map(VisaType::name).join(", ")
}
