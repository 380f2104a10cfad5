//! A site of an institute, with one request that is allowed, and everything that it is allowed by.

use std::{collections::BTreeMap, fs, path::Path};

use jiff::{Timestamp, ToSpan, civil::Date, tz::Offset};
use serde_json::Value as Json;
use sluis_access::{
    AccessError, AuditRecord, Caller, NewDelegation, ReadAction, Rule, Site, SiteConfig, TaskRequest, Verdict,
};
use sluis_identity::{Expectations, TokenError, VerifiedIdentity, Verifier};
use sluis_model::{Address, EuCountry, Labels, ProjectName, Region, RunId, TaskId};

use crate::{issuer::Issuer, programs::Delegated, visas::Visa};

const INSTITUTIONS: &str = "\
institutions:
  maxima:
    description: The institute.
    trust: trusted
    networks: {campus: [192.0.2.0/24]}
";

const PEOPLE: &str = "\
people:
  anna:
    issuer: ISSUER
    subject: anna-at-work
    institution: maxima
    training:
      - {course: 'https://example.org/protection/1', completed: TRAINED, until: LAST-DAY}
    recipient: RECIPIENT
    roles: []
";

const PROJECTS: &str = "\
projects:
  neuroblastoma:
    purpose: research
    members: [anna]
    datasets: [trial-7]
    from: '2020-01-01'
    until: '2090-01-01'
    approval: DAC-1
    allowed-outputs: [figures]
    data-use:
      kind: health
      diseases: {MONDO:0005072: [MONDO:0021038]}
      commercial: false
      for-profit: false
      methods-development: false
      ancestry: false
      genetic: true
      ethics-approval-until: '2090-01-01'
      collaborates-with: [trial office]
      publishes: true
      returns-data: true
      countries: [NL]
";

const DATASETS: &str = "\
datasets:
  trial-7:
    description: Trial 7.
    kind: molecular
    consent: given
    consent-date: '2020-01-01'
    data-use: [TERMS]
    subjects:
      P012: {consent: given, consent-date: '2020-01-01', scope: [HMB]}
  genomes:
    description: Reference genomes.
    class: public
";

/// A request, and the facts by which it is allowed.
pub struct World {
    pub header: Json,
    pub claims: Json,
    /// How the token is made from header and claims.
    pub sign: fn(&Issuer, &Json, &Json) -> String,
    pub expected: Expectations<'static>,
    /// How often the token is shown.
    pub shown: usize,
    pub logged_in: bool,
    pub addresses: Vec<&'static str>,
    pub institutions: String,
    pub people: String,
    pub projects: String,
    pub datasets: String,
    pub withdrawals: Option<&'static str>,
    pub policy: Option<&'static str>,
    pub terms: &'static str,
    /// A line of `site.yaml`.
    pub executors: &'static str,
    /// What else `identity` in `site.yaml` says.
    pub identity: String,
    /// The visas that the token brings.
    pub visas: Vec<Visa>,
    /// What Anna delegated while everything was as in [`World::allowed`]: then it is the program that asks.
    pub delegated: Option<Delegated>,
    pub ask: Ask,
}

/// What is asked for.
#[derive(Clone, Copy)]
pub enum Ask {
    Show,
    Provenance,
    Repeat,
    Export,
    Task { region: EuCountry, network: bool },
    TakeIn { dataset: &'static str, subject: Option<&'static str> },
    Fetch,
    Delegate(sluis_policy::Action),
    Survey,
    Pin,
    Unpin,
    ReadAudit,
    Withdraw,
    Check,
    WhoCan,
    ApproveExport,
}

impl World {
    pub fn allowed(issuer: &Issuer) -> Self {
        Self {
            header: Issuer::header(),
            claims: issuer.claims(),
            sign: |issuer, header, claims| issuer.sign(header, &claims.to_string()),
            expected: Expectations::default(),
            shown: 1,
            logged_in: true,
            addresses: vec!["192.0.2.17"],
            institutions: INSTITUTIONS.to_owned(),
            people: PEOPLE.to_owned(),
            projects: PROJECTS.to_owned(),
            datasets: DATASETS.to_owned(),
            withdrawals: None,
            policy: None,
            terms: "HMB",
            executors: "local-executor: allow\n",
            identity: String::new(),
            visas: Vec::new(),
            delegated: None,
            ask: Ask::Show,
        }
    }

    /// Changes one fact of a file.
    pub fn edit(text: &mut String, from: &str, to: &str) {
        assert!(text.contains(from), "there is no `{from}` in:\n{text}");
        *text = text.replacen(from, to, 1);
    }
}

/// What came of a request.
pub struct Outcome {
    /// Why the token was refused, if it was.
    pub token: Option<String>,
    pub result: Result<(), AccessError>,
    /// The verdict, the policies and the reasons of the last decision in the audit log.
    pub audited: Option<(Verdict, Vec<String>, Vec<String>)>,
    /// That record as it was written.
    pub record: Json,
    /// The records of logins, as they were written.
    pub logins: Vec<Json>,
    /// How often the site's key was used; nothing if there was no site to use it.
    pub key_uses: Option<u64>,
    /// The files of a site that was not opened that are not what they were before.
    pub changed: Vec<String>,
}

impl Outcome {
    /// The site was not opened: what is there to see is its files.
    fn closed(error: AccessError, folder: &Path, before: &BTreeMap<String, Vec<u8>>) -> Self {
        let after = contents(folder);
        let names = before.keys().chain(after.keys());
        let mut changed: Vec<_> = names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect();
        changed.dedup();
        let (audited, record, logins) = (None, Json::Null, Vec::new());
        Self { token: None, result: Err(error), audited, record, logins, key_uses: None, changed }
    }
}

/// Every file in a folder, by its path, with its content.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().is_file());
    files.map(|file| (file.path().display().to_string(), fs::read(file.path()).unwrap())).collect()
}

/// A sealed object of trial 7 and subject P012, at a site that is then given to an institute.
pub fn sealed_object(folder: &Path) -> Address {
    let config = SiteConfig {
        name: "test".into(),
        country: EuCountry::NL,
        unencrypted_swap: Rule::Allow,
        network_access: Rule::Refuse,
        local_executor: Rule::Refuse,
        executors: Default::default(),
        containers: Default::default(),
        remote_hosts: Vec::new(),
        quota: None,
        bucket: None,
        retries: Default::default(),
        resume_within: Default::default(),
        docker_patience: Default::default(),
        identity: None,
    };
    let site = Site::create(folder, &config).unwrap();
    let registry = folder.join("registry");
    fs::write(registry.join("datasets.yaml"), DATASETS.replace("TERMS", "")).unwrap();
    let projects = PROJECTS.replace("[anna]", "[self]");
    fs::write(registry.join("projects.yaml"), projects).unwrap();
    let mut labels = Labels::of_dataset("trial-7".parse().unwrap());
    labels.subjects.insert("P012".parse().unwrap());
    let permit = site.permit_put(&project(), &labels).unwrap();
    site.seal(&permit, &b"ACGT"[..]).unwrap().address
}

/// The day on which Anna completed her training, and the last on which it counts.
pub fn training() -> (Date, Date) {
    let trained = Offset::UTC.to_datetime(Timestamp::now()).date() - 10.days();
    (trained, trained + 1.year() - 1.day())
}

pub fn project() -> ProjectName {
    "neuroblastoma".parse().unwrap()
}

impl World {
    /// Asks for it at the site in a folder.
    pub async fn outcome(&self, issuer: &Issuer, folder: &Path, address: &Address) -> Outcome {
        let delegation = match &self.delegated {
            Some(delegated) => Some(delegated.token(issuer, folder).await),
            None => None,
        };
        self.write(issuer, folder);
        let before = contents(folder);
        let site = match Site::open(folder) {
            Ok(site) => site,
            Err(error) => return Outcome::closed(error, folder, &before),
        };
        let (caller, token) = match delegation {
            Some(token) => Self::program(&site, &token),
            None => self.person(issuer, &site).await,
        };
        let site = site.used_by(caller.from_addresses(self.addresses.iter().map(|one| one.parse().unwrap()).collect()));
        let result = self.request(&site, address);
        let records =
            || site.audit().records().unwrap().map(Result::unwrap).filter(|record| record.verdict().is_some());
        let written = |record: &AuditRecord| serde_json::from_str::<Json>(record.json()).unwrap();
        let last = records().last();
        let record = last.as_ref().map_or(Json::Null, written);
        let audited = last.map(|last| {
            let policies = record["policies"].as_array().into_iter().flatten();
            let policies = policies.map(|policy| policy.as_str().unwrap().to_owned()).collect();
            (last.verdict().unwrap(), policies, last.reasons().to_vec())
        });
        let logins = records().filter(|record| record.action() == "login").map(|record| written(&record)).collect();
        Outcome { token, result, audited, record, logins, key_uses: Some(site.key_uses()), changed: Vec::new() }
    }

    /// Who shows the token of this world, and why it was refused, if it was. Both are written down.
    async fn person(&self, issuer: &Issuer, site: &Site) -> (Caller, Option<String>) {
        let verifier = Verifier::new(site.config().identity.clone().unwrap().trust).unwrap();
        let (mut caller, mut token) = (Caller::nobody(), None);
        for _ in 0..if self.logged_in { self.shown } else { 0 } {
            caller = match self.verified(issuer, &verifier).await {
                Ok(identity) => {
                    let mut caller = Caller::verified(&identity);
                    if !self.visas.is_empty() {
                        let passport = verifier.embedded_passport(&identity, jiff::Timestamp::now()).await;
                        caller = caller.with_passport(passport.as_ref());
                    }
                    site.note_login(&caller).unwrap();
                    caller
                }
                Err(error) => {
                    site.note_failed_login(&error).unwrap();
                    token = Some(error.to_string());
                    Caller::nobody()
                }
            };
        }
        (caller, token)
    }

    pub async fn verified(&self, issuer: &Issuer, verifier: &Verifier) -> Result<VerifiedIdentity, TokenError> {
        let mut claims = self.claims.clone();
        if !self.visas.is_empty() {
            claims["ga4gh_passport_v1"] = self.visas.iter().map(|visa| visa.token(issuer)).collect();
        }
        let token = (self.sign)(issuer, &self.header, &claims);
        verifier.verify(&token, &self.expected, jiff::Timestamp::now()).await
    }

    /// Writes the files that say all this, in the place of those of another world.
    pub fn write(&self, issuer: &Issuer, folder: &Path) {
        let site = fs::read_to_string(folder.join("site.yaml")).unwrap();
        let site =
            ["local-executor: ", "identity:"].iter().fold(&site[..], |text, key| text.split(key).next().unwrap());
        let identity = format!(
            "{}identity:\n  http-on-loopback: true\n  issuers:\n    - {{issuer: '{}', client: sluis}}\n{}",
            self.executors,
            issuer.address,
            self.identity.replace("ISSUER", &issuer.address)
        );
        fs::write(folder.join("site.yaml"), format!("{site}{identity}")).unwrap();
        let key = fs::read_to_string(folder.join("keys/site.pub")).unwrap();
        let key = key.lines().nth(1).unwrap();
        let (trained, last_day) = training();
        let people = self.people.replace("ISSUER", &format!("'{}'", issuer.address)).replace("RECIPIENT", key);
        let people = people.replace("TRAINED", &trained.to_string()).replace("LAST-DAY", &last_day.to_string());
        let registry = folder.join("registry");
        fs::write(registry.join("institutions.yaml"), &self.institutions).unwrap();
        fs::write(registry.join("people.yaml"), people).unwrap();
        fs::write(registry.join("projects.yaml"), &self.projects).unwrap();
        fs::write(registry.join("datasets.yaml"), self.datasets.replace("TERMS", self.terms)).unwrap();
        if let Some(text) = self.withdrawals {
            fs::write(registry.join("withdrawals.yaml"), text).unwrap();
        }
        if let Some(text) = self.policy {
            fs::create_dir(folder.join("policies")).unwrap();
            fs::write(folder.join("policies/site.cedar"), text).unwrap();
        }
    }

    fn request(&self, site: &Site, address: &Address) -> Result<(), AccessError> {
        let read = |action| {
            let permit = site.permit_read(&project(), address, action)?;
            std::io::copy(&mut site.unseal(&permit, address)?, &mut std::io::sink()).unwrap();
            Ok(())
        };
        let labels = |dataset: &str, subject: Option<&str>| {
            let mut labels = Labels::of_dataset(dataset.parse().unwrap());
            labels.subjects.extend(subject.map(|name| name.parse().unwrap()));
            labels
        };
        match self.ask {
            Ask::Show => read(ReadAction::Show),
            Ask::Export => read(ReadAction::Export),
            Ask::Provenance => site.permit_read(&project(), address, ReadAction::Provenance).map(drop),
            Ask::Repeat => site.permit_read(&project(), address, ReadAction::Repeat).map(drop),
            Ask::Task { region, network } => {
                let run: RunId = "20261123-101500-3fa2b1".parse().unwrap();
                let request = TaskRequest {
                    run: &run,
                    task: TaskId(7),
                    tool: "sort",
                    project: &project(),
                    inputs: &[*address],
                    derived_from: &Labels::default(),
                    region: Region::on_site(region),
                    executor: "local",
                    network,
                };
                let permit = site.permit_task(&request)?;
                std::io::copy(&mut site.unseal(&permit, address)?, &mut std::io::sink()).unwrap();
                Ok(())
            }
            Ask::TakeIn { dataset, subject } => site.permit_put(&project(), &labels(dataset, subject)).map(drop),
            Ask::Fetch => {
                let host = "data.example.org".parse().unwrap();
                site.permit_fetch(&project(), &labels("trial-7", Some("P012")), &host).map(drop)
            }
            Ask::Survey => site.permit_survey().map(drop),
            Ask::Pin => site.pin(&sluis_store::Pinned::Object(*address), "Figure 2"),
            Ask::Unpin => site.unpin(&sluis_store::Pinned::Object(*address)).map(drop),
            Ask::Delegate(action) => {
                let new = NewDelegation {
                    service: "nightly".to_owned(),
                    project: project(),
                    actions: [action].into(),
                    days: 30,
                };
                site.delegate(&new).map(drop)
            }
            Ask::ReadAudit => {
                site.read_audit(sluis_access::AuditReading::List, sluis_access::AuditFilter::default()).map(drop)
            }
            Ask::Withdraw => site.withdraw(&"P012".parse().unwrap()).map(drop),
            Ask::Check => site.permit_check(&[*address]).map(drop),
            Ask::WhoCan => {
                let question = sluis_access::Question {
                    action: sluis_policy::Action::Read,
                    thing: sluis_access::Thing::Site,
                    project: None,
                };
                site.who_can(&question).map(drop)
            }
            Ask::ApproveExport => {
                let asked = site.ask_to_export(&project(), &[*address], "figures", "Figure 2")?;
                site.approve_export(&asked.id, 7, "shows nobody").map(drop)
            }
        }
    }
}
