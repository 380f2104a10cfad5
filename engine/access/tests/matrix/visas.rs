//! What is wrong with visas, at a site that asks for one of each type.

use serde_json::{Value as Json, json};

use crate::{
    flips::{By, Flip, SetAside, flip, seconds_from_now},
    issuer::Issuer,
    world::{Outcome, World},
};

const VISA_ISSUER: &str = "https://visas.example.org";

pub const SOURCE: &str = "https://academy.example.org";

pub const COURSE: &str = "https://academy.example.org/protection/1";

const GRANT: &str = "https://data.example.org/7";

/// What `site.yaml` says of visas.
const IDENTITY: &str = "
  visas:
    brokers: ['ISSUER']
    issuers:
      - issuer: https://visas.example.org
        key-sets: ['ISSUER/visa-keys']
        sources:
          AcceptedTermsAndPolicies: [https://academy.example.org]
          ResearcherStatus: [https://academy.example.org]
          AffiliationAndRole: [https://academy.example.org]
          ControlledAccessGrants: [https://academy.example.org]
          LinkedIdentities: [https://academy.example.org]
        subjects-of: ['ISSUER']
      - issuer: https://elsewhere.example.org
        key-sets: ['ISSUER/visa-keys']
        sources: {ControlledAccessGrants: [https://academy.example.org]}
    required:
      ResearcherStatus: ['https://doi.org/10.1038/s41431-018-0219-y']
      AffiliationAndRole: ['*@maxima.example.org', 'faculty@academy.example.org']
    training: [https://academy.example.org/protection/1]
";

/// A visa before it is signed.
#[derive(Clone)]
pub struct Visa {
    pub header: Json,
    pub claims: Json,
    pub sign: fn(&Issuer, &Json, &str) -> String,
}

impl Visa {
    fn new(issuer: &Issuer, kind: &str, value: &str, by: &str) -> Self {
        let now = jiff::Timestamp::now().as_second();
        let header = json!({
            "alg": "ES256", "kid": "one", "typ": "vnd.ga4gh.visa+jwt", "jku": format!("{}/visa-keys", issuer.address),
        });
        let object = json!({ "type": kind, "value": value, "source": SOURCE, "by": by, "asserted": now - 1000 });
        let claims = json!({
            "iss": VISA_ISSUER, "sub": "anna-at-work", "iat": now - 100, "exp": now + 600, "jti": format!("visa-{kind}"),
            "ga4gh_visa_v1": object,
        });
        Self { header, claims, sign: Issuer::sign_visa }
    }

    pub fn token(&self, issuer: &Issuer) -> String {
        (self.sign)(issuer, &self.header, &self.claims.to_string())
    }

    fn object(&mut self) -> &mut Json {
        &mut self.claims["ga4gh_visa_v1"]
    }
}

/// The places of the visas in the passport.
const TRAINING: usize = 0;
const STATUS: usize = 1;
const AFFILIATION: usize = 2;
const GRANTED: usize = 3;

impl World {
    /// Anna's training is known by a visa alone, the dataset asks for a grant, and that is given to members of the
    /// institute.
    pub fn with_visas(issuer: &Issuer) -> Self {
        let visa = |kind, value, by| Visa::new(issuer, kind, value, by);
        let mut grant = visa("ControlledAccessGrants", GRANT, "dac");
        let member = json!({ "type": "AffiliationAndRole", "value": "pattern:member@*" });
        grant.object()["conditions"] = json!([[member]]);
        let visas = vec![
            visa("AcceptedTermsAndPolicies", COURSE, "system"),
            visa("ResearcherStatus", "https://doi.org/10.1038/s41431-018-0219-y", "so"),
            visa("AffiliationAndRole", "member@maxima.example.org", "so"),
            grant,
        ];
        let mut world = Self { identity: IDENTITY.to_owned(), visas, ..Self::allowed(issuer) };
        world.forget_training();
        Self::edit(&mut world.datasets, "    data-use:", "    visa: https://data.example.org/7\n    data-use:");
        world
    }

    /// Takes the training out of the registry.
    pub fn forget_training(&mut self) {
        let from = self.people.find("    training:").unwrap();
        let to = self.people.find("    recipient:").unwrap();
        self.people.replace_range(from..to, "");
    }
}

impl Outcome {
    /// What the audit log says of visas that do not count.
    pub fn set_aside(&self) -> &str {
        self.record["facts"]["visas-set-aside"].as_str().unwrap_or_default()
    }
}

fn claim(world: &mut World, visa: usize, name: &str, value: Json) {
    world.visas[visa].claims[name] = value;
}

fn field(world: &mut World, visa: usize, name: &str, value: &str) {
    world.visas[visa].object()[name] = json!(value);
}

pub const VISAS: &[Flip] = &[
    flip(
        "no training visa",
        |w| drop(w.visas.remove(TRAINING)),
        By(&[("valid-training", "no training of anna is on record")]),
    ),
    flip(
        "a forged training visa",
        |w| w.visas[TRAINING].sign = Issuer::sign_with_another_key,
        SetAside(
            "visa 1 of the passport does not count: the signature is wrong",
            &[("valid-training", "no training of anna is on record")],
        ),
    ),
    flip(
        "a training visa that nobody signed",
        |w| w.visas[TRAINING].sign = |_, _, claims| Issuer::unsigned(claims),
        SetAside("not signed", &[("valid-training", "no training of anna is on record")]),
    ),
    flip(
        "a training visa that expired",
        |w| claim(w, TRAINING, "exp", seconds_from_now(-3600)),
        SetAside("expired at", &[("valid-training", "no training of anna is on record")]),
    ),
    flip(
        // As clocks may differ, it is good when the person logs in; a decision takes it as it is.
        "a training visa that expired since",
        |w| claim(w, TRAINING, "exp", seconds_from_now(-5)),
        SetAside(
            "AcceptedTermsAndPolicies of https://academy.example.org",
            &[("valid-training", "no training of anna is on record")],
        ),
    ),
    flip(
        "a visa of another course",
        |w| field(w, TRAINING, "value", "https://academy.example.org/protection/2"),
        By(&[("valid-training", "no training of anna is on record")]),
    ),
    flip(
        "a training by the person's own word",
        |w| field(w, TRAINING, "by", "self"),
        By(&[("valid-training", "no training of anna is on record")]),
    ),
    flip(
        "a training of two years ago",
        |w| w.visas[TRAINING].object()["asserted"] = seconds_from_now(-2 * 365 * 86400),
        By(&[("valid-training", "the training of anna ended on 20")]),
    ),
    flip(
        "a training by a source that is not trusted",
        |w| field(w, TRAINING, "source", "https://elsewhere.example.org"),
        SetAside("not trusted to speak for", &[("valid-training", "no training of anna is on record")]),
    ),
    flip(
        "a training visa by nobody that is known",
        |w| claim(w, TRAINING, "iss", json!("https://nobody.example.org")),
        SetAside("does not trust with visas", &[("valid-training", "no training of anna is on record")]),
    ),
    flip(
        "a training visa with keys from elsewhere",
        |w| {
            let address = w.visas[TRAINING].header["jku"].as_str().unwrap().replace("visa-keys", "more-visa-keys");
            w.visas[TRAINING].header["jku"] = json!(address);
        },
        SetAside("which this site does not permit", &[("valid-training", "no training of anna is on record")]),
    ),
    flip(
        "a training visa for another audience",
        |w| claim(w, TRAINING, "aud", json!("another")),
        SetAside("is for `another` alone", &[("valid-training", "no training of anna is on record")]),
    ),
    flip(
        "no researcher status",
        |w| drop(w.visas.remove(STATUS)),
        By(&[("required-visa", "anna has no visa of the type ResearcherStatus that counts here")]),
    ),
    flip(
        "a status by the person's own word",
        |w| field(w, STATUS, "by", "self"),
        By(&[("required-visa", "anna has no visa of the type ResearcherStatus that counts here")]),
    ),
    flip(
        "a status by nobody in particular",
        |w| drop(w.visas[STATUS].object().as_object_mut().unwrap().remove("by")),
        By(&[("required-visa", "anna has no visa of the type ResearcherStatus that counts here")]),
    ),
    flip(
        "a status of another standard",
        |w| field(w, STATUS, "value", "https://doi.org/10.1038/s41431-018-0219-y/2"),
        By(&[("required-visa", "anna has no visa of the type ResearcherStatus that counts here")]),
    ),
    flip(
        "an affiliation with others",
        |w| field(w, AFFILIATION, "value", "member@elsewhere.example.org"),
        By(&[("required-visa", "anna has no visa of the type AffiliationAndRole that counts here")]),
    ),
    flip(
        "an affiliation in another role",
        |w| field(w, AFFILIATION, "value", "member@academy.example.org"),
        By(&[("required-visa", "anna has no visa of the type AffiliationAndRole that counts here")]),
    ),
    flip(
        "a status that the issuer is not trusted with",
        |w| claim(w, STATUS, "iss", json!("https://elsewhere.example.org")),
        SetAside(
            "is not trusted with visas of the type ResearcherStatus",
            &[("required-visa", "anna has no visa of the type ResearcherStatus that counts here")],
        ),
    ),
    flip(
        "no affiliation, on which the grant depends",
        |w| drop(w.visas.remove(AFFILIATION)),
        SetAside(
            "conditions",
            &[
                ("required-visa", "anna has no visa of the type AffiliationAndRole that counts here"),
                ("granted-by-visa", "anna has no visa that grants https://data.example.org/7, for the dataset trial-7"),
            ],
        ),
    ),
    flip(
        "no grant",
        |w| drop(w.visas.remove(GRANTED)),
        By(&[("granted-by-visa", "anna has no visa that grants https://data.example.org/7, for the dataset trial-7")]),
    ),
    flip(
        "a grant of another dataset",
        |w| field(w, GRANTED, "value", "https://data.example.org/7/"),
        By(&[("granted-by-visa", "anna has no visa that grants https://data.example.org/7, for the dataset trial-7")]),
    ),
    flip(
        "a grant by no committee",
        |w| field(w, GRANTED, "by", "peer"),
        By(&[("granted-by-visa", "anna has no visa that grants https://data.example.org/7, for the dataset trial-7")]),
    ),
    flip(
        "a grant of somebody else",
        |w| claim(w, GRANTED, "sub", json!("bob-at-work")),
        SetAside(
            "no visa links that name",
            &[("granted-by-visa", "anna has no visa that grants https://data.example.org/7, for the dataset trial-7")],
        ),
    ),
    flip(
        "a grant of the same name elsewhere",
        |w| claim(w, GRANTED, "iss", json!("https://elsewhere.example.org")),
        SetAside(
            "no visa links that name",
            &[("granted-by-visa", "anna has no visa that grants https://data.example.org/7, for the dataset trial-7")],
        ),
    ),
    flip(
        "a grant on a condition that is not met",
        |w| field(w, AFFILIATION, "value", "student@maxima.example.org"),
        SetAside(
            "conditions",
            &[("granted-by-visa", "anna has no visa that grants https://data.example.org/7, for the dataset trial-7")],
        ),
    ),
    flip(
        "a grant on a condition that is not known",
        |w| {
            let clause = json!({ "type": "AffiliationAndRole", "value": "regex:.*" });
            w.visas[GRANTED].object()["conditions"] = json!([[clause]]);
        },
        SetAside(
            "cannot be checked",
            &[("granted-by-visa", "anna has no visa that grants https://data.example.org/7, for the dataset trial-7")],
        ),
    ),
    flip(
        "a passport of no broker",
        |w| {
            w.identity = w.identity.replace("brokers: ['ISSUER']", "brokers: [https://other.example.org]");
            w.identity.insert_str(0, "    - {issuer: https://other.example.org, client: sluis}\n");
        },
        SetAside(
            "is not among this site's passport brokers",
            &[
                ("valid-training", "no training of anna is on record"),
                ("required-visa", "anna has no visa of the type AffiliationAndRole that counts here"),
                ("required-visa", "anna has no visa of the type ResearcherStatus that counts here"),
                ("granted-by-visa", "anna has no visa that grants https://data.example.org/7, for the dataset trial-7"),
            ],
        ),
    ),
    flip(
        "visas without an approved project",
        |w| World::edit(&mut w.projects, "datasets: [trial-7]", "datasets: []"),
        By(&[("dataset-in-project", "the dataset trial-7 is not granted to the project neuroblastoma")]),
    ),
    flip(
        "visas without a project's member",
        |w| World::edit(&mut w.projects, "members: [anna]", "members: []"),
        By(&[("membership", "anna is not a member of the project neuroblastoma")]),
    ),
];

/// Lets the visa about Anna's training say that it was so many days ago.
pub fn trained_days_ago(world: &mut World, days: i64) {
    world.visas[TRAINING].object()["asserted"] = seconds_from_now(-days * 86400);
}

/// A visa about another name of Anna's, and one that links the two.
pub fn linked(world: &mut World, issuer: &Issuer) {
    claim(world, GRANTED, "iss", json!("https://elsewhere.example.org"));
    claim(world, GRANTED, "sub", json!("8,8"));
    let names = "8%2C8,https%3A%2F%2Felsewhere.example.org";
    world.visas.push(Visa::new(issuer, "LinkedIdentities", names, "system"));
}
