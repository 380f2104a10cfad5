//! Visas that a broker brings: trainings and acknowledgements, looked at anew by each command.

use std::fs;

use serde_json::{Value as Json, json};

use super::{
    Institute,
    issuer::Issuer,
    world::{READS, subject, training},
};
use crate::test_site::Ran;

const SOURCE: &str = "https://academy.example.org";

const STATUS: &str = "https://doi.org/10.1038/s41431-018-0219-y";

const COURSE: &str = "https://academy.example.org/protection/1";

/// An institute that knows of Anna's training by a visa alone, and asks for an acknowledgement of everybody.
fn institute(visas: &Issuer) -> Institute {
    let institute = Institute::with_network(&[]);
    let path = institute.site.site().join("site.yaml");
    let asked = format!(
        "  visas:\n    brokers: ['{broker}']\n    issuers:\n      - issuer: https://visas.example.org\n        \
         key-sets: ['{}/visa-keys']\n        sources: {{AcceptedTermsAndPolicies: ['{SOURCE}'], ResearcherStatus: \
         ['{SOURCE}']}}\n        subjects-of: ['{broker}']\n    required: {{ResearcherStatus: ['{STATUS}']}}\n    \
         training: ['{COURSE}']\n",
        visas.address,
        broker = institute.provider.address
    );
    fs::write(&path, format!("{}{asked}", fs::read_to_string(&path).unwrap())).unwrap();
    institute.site.edit_registry("people.yaml", &format!("\n    {}", training()), "");
    institute
}

/// A visa about Anna by whoever signs it.
fn visa(visas: &Issuer, sign: fn(&Issuer, &Json, &str) -> String, kind: &str, value: &str, by: &str) -> String {
    let now = jiff::Timestamp::now().as_second();
    let header = json!({ "alg": "ES256", "kid": "one", "jku": format!("{}/visa-keys", visas.address) });
    let claims = json!({
        "iss": "https://visas.example.org", "sub": subject("anna"), "iat": now, "exp": now + 600,
        "ga4gh_visa_v1": { "type": kind, "value": value, "source": SOURCE, "by": by, "asserted": now },
    });
    sign(visas, &header, &claims.to_string())
}

fn put(institute: &Institute) -> Ran {
    let path = institute.site.write("reads.fa", READS);
    let labels = ["--dataset", "trial-7", "--subject", "P012", "--project", "neuroblastoma"];
    institute.run("anna", &[&["put", &path], &labels[..]].concat())
}

#[test]
fn visas_tell_of_trainings_and_acknowledgements_as_long_as_the_broker_brings_them() {
    let visas = Issuer::start();
    let institute = institute(&visas);
    institute.login("anna");
    put(&institute).failed(4, &["no training of anna is on record", "anna has no visa of the type ResearcherStatus"]);
    assert_eq!(institute.last_record("put", Some("deny"))["policies"], json!(["required-visa", "valid-training"]));

    // The broker learns of them, and the next command does.
    let training = visa(&visas, Issuer::sign_visa, "AcceptedTermsAndPolicies", COURSE, "system");
    let forged = visa(&visas, Issuer::sign_with_another_key, "ResearcherStatus", STATUS, "so");
    institute.set_claims("anna", &json!({ "ga4gh_passport_v1": [training, forged] }));
    put(&institute).failed(4, &["anna has no visa of the type ResearcherStatus"]);
    let record = institute.last_record("put", Some("deny"));
    assert_eq!(record["policies"], json!(["required-visa"]), "{record}");
    let set_aside = record["facts"]["visas-set-aside"].as_str().unwrap();
    assert!(set_aside.starts_with("visa 2 of the passport does not count: the signature is wrong"), "{set_aside}");
    assert!(!record.to_string().contains(forged.split('.').nth(1).unwrap()), "{record}");
    let who = institute.succeed("anna", &["whoami"]);
    assert!(who.err.contains("visa: AcceptedTermsAndPolicies of https://academy.example.org, until "), "{}", who.err);
    assert!(who.err.contains("warning: visa 2 of the passport does not count: the signature is wrong"), "{}", who.err);

    // So it does when the access token is over, which the login can renew.
    let good = visa(&visas, Issuer::sign_visa, "ResearcherStatus", STATUS, "so");
    institute.set_claims("anna", &json!({ "ga4gh_passport_v1": [training, good] }));
    institute.change_tokens("anna", "access_token", &json!("over"));
    let done = put(&institute);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let who = institute.run("anna", &["whoami", "--json"]).json();
    let kinds: Vec<_> = who["visas"].as_array().unwrap().iter().map(|visa| &visa["type"]).collect();
    assert_eq!(kinds, ["AcceptedTermsAndPolicies", "ResearcherStatus"], "{who}");
    assert_eq!(who["visas-set-aside"], json!([]), "{who}");

    // What the broker takes back does not count any more; and without its answer nothing does.
    institute.set_claims("anna", &json!({ "ga4gh_passport_v1": [good] }));
    put(&institute).failed(4, &["no training of anna is on record"]);
    institute.change_tokens("anna", "access_token", &json!("over"));
    institute.change_tokens("anna", "refresh_token", &Json::Null);
    put(&institute).failed(4, &["warning: no visa counts: the passport cannot be fetched", "no visa of the type"]);
    let record = institute.last_record("put", Some("deny"));
    assert!(record["facts"]["visas-set-aside"].as_str().unwrap().contains("answers with status 40"), "{record}");
}

#[test]
fn what_site_yaml_says_of_visas_is_checked() {
    let visas = Issuer::start();
    let institute = institute(&visas);
    let path = institute.site.site().join("site.yaml");
    let good = fs::read_to_string(&path).unwrap();
    institute.run("anna", &["whoami"]).failed(4, &["nobody is logged in"]);
    for (from, to, says) in [
        ("{ResearcherStatus: [", "{researcher: [", "can be AffiliationAndRole, ResearcherStatus"),
        ("{ResearcherStatus: [", "{AffiliationAndRole: ['*@maxima.example.org', ", "so nobody could have such a visa"),
        ("{ResearcherStatus: [", "{AffiliationAndRole: [", "is neither ROLE@DOMAIN nor *@DOMAIN"),
        (&format!("['{STATUS}']"), "[]", "which values of ResearcherStatus count is not said"),
        (&format!("['{STATUS}']"), "['bona fide']", "`bona fide` is no address such as visas have"),
        ("required: {ResearcherStatus", "required: [ResearcherStatus] #", "`required` must be"),
        ("{ResearcherStatus: [", "{LinkedIdentities: [", "can be AffiliationAndRole, ResearcherStatus"),
        ("AcceptedTermsAndPolicies: [", "TermsAndPolicies: [", "`TermsAndPolicies` is no type of visas"),
        ("AcceptedTermsAndPolicies: ['https://academy.example.org']", "AcceptedTermsAndPolicies: []", "is not said"),
        ("brokers: ['http", "brokers: ['https", "is not among the `issuers` of `identity`"),
        ("subjects-of: ['http", "subjects-of: ['https", "is not among the `issuers` of `identity`"),
        ("/visa-keys'", "/visa-keys#x'", "holds a user name, a password or a fragment"),
        (&format!("training: ['{COURSE}']"), "training: [protection]", "`protection` is no address"),
        ("    brokers:", "    broker:", "`visas` has no field `broker`"),
    ] {
        assert!(good.contains(from), "{from}");
        fs::write(&path, good.replacen(from, to, 1)).unwrap();
        institute.run("anna", &["whoami"]).failed(6, &[says]);
    }
}
