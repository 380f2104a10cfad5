//! Every flip of a fact.

use serde_json::json;
use sluis_model::EuCountry;
use sluis_policy::Action;

use crate::{
    issuer::Issuer,
    world::{Ask, World},
};

/// How a flip is refused.
pub enum Refused {
    /// The token is refused, with a message that says this.
    Token(&'static str),
    /// This policy alone, or these, are against it.
    By(&'static [&'static str]),
    /// A visa is set aside for a reason that says this, and so these policies are against it.
    SetAside(&'static str, &'static [&'static str]),
    /// The site is not opened, with a message that says this.
    Closed(&'static str),
}

pub use Refused::{By, Closed, SetAside, Token};

pub struct Flip {
    pub name: &'static str,
    pub flip: fn(&mut World),
    pub refused: Refused,
}

pub const fn flip(name: &'static str, flip: fn(&mut World), refused: Refused) -> Flip {
    Flip { name, flip, refused }
}

fn claim(world: &mut World, name: &str, value: serde_json::Value) {
    world.claims[name] = value;
}

fn drop_claim(world: &mut World, name: &str) {
    world.claims.as_object_mut().unwrap().remove(name);
}

pub fn seconds_from_now(seconds: i64) -> serde_json::Value {
    json!(jiff::Timestamp::now().as_second() + seconds)
}

/// What is wrong with the token, or with there being none.
pub const TOKENS: &[Flip] = &[
    flip(
        "no login",
        |w| w.logged_in = false,
        By(&[
            "declared-person",
            "membership",
            "multi-factor",
            "login-of-today",
            "trusted-institution",
            "valid-training",
            "verified-identity",
        ]),
    ),
    flip("wrong issuer", |w| claim(w, "iss", json!("https://elsewhere.example.org")), Token("elsewhere.example.org")),
    flip("wrong audience", |w| claim(w, "aud", json!("another")), Token("another")),
    flip("several audiences without azp", |w| claim(w, "aud", json!(["sluis", "another"])), Token("azp")),
    flip("alg none", |w| w.sign = |_, _, claims| Issuer::unsigned(&claims.to_string()), Token("none")),
    flip(
        "HMAC with the public key",
        |w| w.sign = |issuer, _, claims| issuer.sign_with_hmac(&claims.to_string()),
        Token("HS256"),
    ),
    flip("algorithm of another key type", |w| w.header["alg"] = json!("RS256"), Token("")),
    flip("expired", |w| claim(w, "exp", seconds_from_now(-3600)), Token("expired")),
    flip("not yet valid", |w| claim(w, "nbf", seconds_from_now(3600)), Token("")),
    flip("issued in the future", |w| claim(w, "iat", seconds_from_now(3600)), Token("")),
    flip("no expiry", |w| drop_claim(w, "exp"), Token("exp")),
    flip("no subject", |w| drop_claim(w, "sub"), Token("sub")),
    flip("unknown key", |w| w.header["kid"] = json!("two"), Token("two")),
    flip("a path for a key", |w| w.header["kid"] = json!("../../etc/passwd"), Token("")),
    flip("a critical extension", |w| w.header["crit"] = json!(["b64"]), Token("crit")),
    flip("a key of its own", |w| w.header["jwk"] = json!({ "kty": "EC" }), Token("jwk")),
    flip("keys from elsewhere", |w| w.header["jku"] = json!("http://127.0.0.1:1/keys"), Token("jku")),
    flip(
        "signed with another key",
        |w| w.sign = |issuer, header, claims| issuer.sign_with_another_key(header, &claims.to_string()),
        Token("signature"),
    ),
    flip("not a token", |w| w.sign = |_, _, _| "x.y".to_owned(), Token("")),
    flip("empty", |w| w.sign = |_, _, _| String::new(), Token("")),
    flip("huge", |w| claim(w, "more", json!("x".repeat(1 << 20))), Token("")),
    flip(
        "deeply nested",
        |w| w.sign = |issuer, header, _| issuer.sign(header, &format!("{}{}", "[".repeat(5000), "]".repeat(5000))),
        Token(""),
    ),
    flip(
        "a claim twice",
        |w| {
            w.sign = |issuer, header, claims| {
                issuer.sign(header, &claims.to_string().replacen('{', "{\"sub\":\"other\",", 1))
            }
        },
        Token("sub"),
    ),
    flip("another login's nonce", |w| w.expected.nonce = Some("n-2"), Token("nonce")),
    flip("replayed", |w| (w.expected.single_use, w.shown) = (true, 2), Token("")),
    flip(
        "several factors demanded, none stated",
        |w| {
            w.expected.multi_factor = true;
            drop_claim(w, "acr");
        },
        Token("`acr`"),
    ),
];

/// What is wrong with who asks.
pub const PEOPLE: &[Flip] = &[
    flip(
        "unknown to the registry",
        |w| claim(w, "sub", json!("somebody")),
        By(&["declared-person", "membership", "trusted-institution", "valid-training"]),
    ),
    flip("no acr", |w| drop_claim(w, "acr"), By(&["multi-factor"])),
    flip(
        "amr alone",
        |w| {
            drop_claim(w, "acr");
            claim(w, "amr", json!(["mfa", "otp"]));
        },
        By(&["multi-factor"]),
    ),
    flip("an acr of one factor", |w| claim(w, "acr", json!("https://refeds.org/profile/sfa")), By(&["multi-factor"])),
    flip("stale login", |w| claim(w, "auth_time", seconds_from_now(-13 * 3600)), By(&["login-of-today"])),
    flip("login of unknown age", |w| drop_claim(w, "auth_time"), By(&["login-of-today"])),
    flip(
        "institution suspended",
        |w| World::edit(&mut w.institutions, "trust: trusted", "trust: suspended"),
        By(&["suspended-institution", "institute-network"]),
    ),
    flip(
        "training missing",
        |w| {
            World::edit(
                &mut w.people,
                "    training:\n      - {course: 'https://example.org/protection/1', completed: '2020-01-01', until: '2090-01-01'}\n",
                "",
            )
        },
        By(&["valid-training"]),
    ),
    flip(
        "training lapsed",
        |w| World::edit(&mut w.people, "until: '2090-01-01'", "until: '2021-01-01'"),
        By(&["valid-training"]),
    ),
    flip(
        "training to come",
        |w| World::edit(&mut w.people, "completed: '2020-01-01'", "completed: '2089-01-01'"),
        By(&["valid-training"]),
    ),
    flip("wrong network", |w| w.addresses = vec!["198.51.100.17"], By(&["institute-network"])),
    flip("no network", |w| w.addresses.clear(), By(&["institute-network"])),
];

/// What is wrong with the project.
pub const PROJECTS: &[Flip] = &[
    flip("not a member", |w| World::edit(&mut w.projects, "members: [anna]", "members: []"), By(&["membership"])),
    flip(
        "unknown project",
        |w| World::edit(&mut w.projects, "  neuroblastoma:", "  other:"),
        By(&["declared-project"]),
    ),
    flip(
        "project has not begun",
        |w| World::edit(&mut w.projects, "from: '2020-01-01'", "from: '2089-01-01'"),
        By(&["project-has-begun"]),
    ),
    flip(
        "project is over",
        |w| World::edit(&mut w.projects, "until: '2090-01-01'", "until: '2021-01-01'"),
        By(&["project-has-not-ended"]),
    ),
    flip(
        "another purpose",
        |w| World::edit(&mut w.projects, "purpose: research", "purpose: insurance"),
        By(&["research-only"]),
    ),
    flip(
        "dataset not in project",
        |w| World::edit(&mut w.projects, "datasets: [trial-7]", "datasets: []"),
        By(&["dataset-in-project"]),
    ),
];

/// What is wrong with the consents.
pub const CONSENTS: &[Flip] = &[
    flip(
        "consent of the dataset withdrawn",
        |w| World::edit(&mut w.datasets, "consent: given", "consent: withdrawn"),
        By(&["consent-not-withdrawn"]),
    ),
    flip(
        "consent of the dataset unknown",
        |w| World::edit(&mut w.datasets, "consent: given", "consent: unknown"),
        By(&["consent-known"]),
    ),
    flip(
        "consent of the dataset to come",
        |w| World::edit(&mut w.datasets, "consent-date: '2020-01-01'", "consent-date: '2089-01-01'"),
        By(&["consent-has-begun"]),
    ),
    flip(
        "consent of the subject withdrawn",
        |w| World::edit(&mut w.datasets, "{consent: given", "{consent: withdrawn"),
        By(&["consent-not-withdrawn"]),
    ),
    flip(
        "consent of the subject unknown",
        |w| World::edit(&mut w.datasets, "{consent: given", "{consent: unknown"),
        By(&["consent-known"]),
    ),
    flip(
        "consent of the subject to come",
        |w| {
            World::edit(
                &mut w.datasets,
                "{consent: given, consent-date: '2020-01-01'",
                "{consent: given, consent-date: '2089-01-01'",
            )
        },
        By(&["consent-has-begun"]),
    ),
    flip(
        "a withdrawal",
        |w| w.withdrawals = Some("withdrawals:\n  P012: {date: '2026-01-01'}\n"),
        By(&["consent-not-withdrawn"]),
    ),
    flip("subject not listed", |w| World::edit(&mut w.datasets, "P012:", "P013:"), By(&["listed-subject"])),
    flip(
        "scope of the subject",
        |w| World::edit(&mut w.datasets, "scope: [HMB]", "scope: [POA]"),
        By(&["data-use-terms"]),
    ),
];

/// Terms that are not met, or of which that cannot be told.
pub const TERMS: &[Flip] = &[
    flip("another disease", |w| w.terms = "DS MONDO:0000001", By(&["data-use-terms"])),
    flip("ancestry only", |w| w.terms = "POA", By(&["data-use-terms"])),
    flip("other research", |w| w.terms = "RS of wine", By(&["data-use-decided"])),
    flip(
        "no methods",
        |w| {
            w.terms = "NMDS";
            World::edit(&mut w.projects, "methods-development: false", "methods-development: true");
        },
        By(&["data-use-terms"]),
    ),
    flip(
        "genetic studies only",
        |w| {
            w.terms = "GSO";
            World::edit(&mut w.projects, "genetic: true", "genetic: false");
        },
        By(&["data-use-terms"]),
    ),
    flip(
        "not for profit, non-commercial",
        |w| {
            w.terms = "NPUNCU";
            World::edit(&mut w.projects, "for-profit: false", "for-profit: true");
        },
        By(&["data-use-terms"]),
    ),
    flip(
        "to be published",
        |w| {
            w.terms = "PUB";
            World::edit(&mut w.projects, "publishes: true", "publishes: false");
        },
        By(&["data-use-terms"]),
    ),
    flip("together with others", |w| w.terms = "COL another office", By(&["data-use-terms"])),
    flip(
        "ethics approval lapsed",
        |w| {
            w.terms = "IRB";
            World::edit(&mut w.projects, "ethics-approval-until: '2090-01-01'", "ethics-approval-until: '2021-01-01'");
        },
        By(&["data-use-terms"]),
    ),
    flip(
        "another country",
        |w| {
            w.terms = "'GS DE'";
        },
        By(&["data-use-terms"]),
    ),
    flip("time is over", |w| w.terms = "TS 2021-01-01", By(&["data-use-terms"])),
    flip("other users", |w| w.terms = "US bob", By(&["data-use-terms"])),
    flip("another project", |w| w.terms = "PS other", By(&["data-use-terms"])),
    flip("another institution", |w| w.terms = "IS elsewhere", By(&["data-use-terms"])),
    flip(
        "to be given back",
        |w| {
            w.terms = "RTN";
            World::edit(&mut w.projects, "returns-data: true", "returns-data: false");
        },
        By(&["data-use-terms"]),
    ),
    flip("care only", |w| w.terms = "CC", By(&["data-use-terms"])),
    flip(
        "no ancestry",
        |w| {
            w.terms = "HMB, NPOA";
            World::edit(&mut w.projects, "ancestry: false", "ancestry: true");
        },
        By(&["data-use-terms"]),
    ),
    flip(
        "not for profit",
        |w| {
            w.terms = "NPU";
            World::edit(&mut w.projects, "for-profit: false", "for-profit: true");
        },
        By(&["data-use-terms"]),
    ),
    flip(
        "non-commercial",
        |w| {
            w.terms = "NCU";
            World::edit(&mut w.projects, "commercial: false", "commercial: true");
        },
        By(&["data-use-terms"]),
    ),
    flip(
        "commercial use not declared",
        |w| {
            w.terms = "NCU";
            World::edit(&mut w.projects, "      commercial: false\n", "");
        },
        By(&["data-use-decided"]),
    ),
];

/// What is wrong with what is asked for.
pub const REQUESTS: &[Flip] = &[
    flip(
        "a task in another country",
        |w| w.ask = Ask::Task { region: EuCountry::DE, network: false },
        By(&["allowed-place", "confidential-computing"]),
    ),
    flip(
        "a tool without a container",
        |w| {
            w.ask = Ask::Task { region: EuCountry::NL, network: false };
            w.executors = "";
        },
        By(&["allowed-executor"]),
    ),
    flip(
        "a task with the network",
        |w| w.ask = Ask::Task { region: EuCountry::NL, network: true },
        By(&["closed-tools"]),
    ),
    flip("a host that is not known", |w| w.ask = Ask::Fetch, By(&["allowed-source"])),
    flip(
        "data of an unknown dataset",
        |w| w.ask = Ask::TakeIn { dataset: "elsewhere", subject: None },
        By(&["declared-dataset"]),
    ),
    flip(
        "data of nobody in a dataset that lists subjects",
        |w| w.ask = Ask::TakeIn { dataset: "trial-7", subject: None },
        By(&["listed-subject"]),
    ),
    flip(
        "data that a member calls public",
        |w| w.ask = Ask::TakeIn { dataset: "genomes", subject: None },
        By(&["administrator-keeps-the-site"]),
    ),
    flip("an export that nobody approved", |w| w.ask = Ask::Export, By(&["approved-export"])),
    flip(
        "an approval of one's own export",
        |w| {
            w.ask = Ask::ApproveExport;
            World::edit(&mut w.people, "roles: []", "roles: [committee]");
        },
        By(&["approved-export", "four-eyes"]),
    ),
    flip("reading the log without the role", |w| w.ask = Ask::ReadAudit, By(&["auditor-reads-the-log"])),
    flip("asking about others without the role", |w| w.ask = Ask::WhoCan, By(&["auditor-reads-the-log"])),
    flip("a withdrawal without the role", |w| w.ask = Ask::Withdraw, By(&["steward-withdraws"])),
    flip("upkeep without the role", |w| w.ask = Ask::Check, By(&["administrator-keeps-the-site"])),
    flip("a survey without the role", |w| w.ask = Ask::Survey, By(&["administrator-keeps-the-site"])),
    flip("a pin without the role", |w| w.ask = Ask::Pin, By(&["administrator-keeps-the-site"])),
    flip("taking a pin away without the role", |w| w.ask = Ask::Unpin, By(&["administrator-keeps-the-site"])),
    flip(
        "governing from outside",
        |w| {
            w.ask = Ask::ReadAudit;
            World::edit(&mut w.people, "roles: []", "roles: [auditor]");
            w.addresses.clear();
        },
        By(&["institute-network-for-government"]),
    ),
    flip(
        "governing with a login of two hours ago",
        |w| {
            w.ask = Ask::ReadAudit;
            World::edit(&mut w.people, "roles: []", "roles: [auditor]");
            claim(w, "auth_time", seconds_from_now(-7200));
        },
        By(&["fresh-login-for-government"]),
    ),
    flip(
        "a delegation of reading the log",
        |w| {
            w.ask = Ask::Delegate(Action::Audit);
            World::edit(&mut w.people, "roles: []", "roles: [auditor]");
        },
        By(&["people-decide"]),
    ),
    flip(
        "a delegation of approvals",
        |w| {
            w.ask = Ask::Delegate(Action::Approve);
            World::edit(&mut w.people, "roles: []", "roles: [committee]");
        },
        By(&["people-decide"]),
    ),
    flip(
        "a delegation of withdrawals",
        |w| {
            w.ask = Ask::Delegate(Action::Withdraw);
            World::edit(&mut w.people, "roles: []", "roles: [steward]");
        },
        By(&["people-decide"]),
    ),
    flip(
        "a delegation of upkeep",
        |w| {
            w.ask = Ask::Delegate(Action::Administer);
            World::edit(&mut w.people, "roles: []", "roles: [administrator]");
        },
        By(&["people-decide"]),
    ),
    flip("a delegation of exports", |w| w.ask = Ask::Delegate(Action::Export), By(&["people-decide"])),
    flip(
        "a policy of the site",
        |w| w.policy = Some("@id(\"closed-today\") forbid (principal, action == Action::\"read\", resource);"),
        By(&["site.cedar/closed-today"]),
    ),
    flip(
        "a policy of the site that is none",
        |w| w.policy = Some("permit (principal, action"),
        Closed("policies are not valid"),
    ),
];
