//! For each policy: a request that is allowed, the one fact that is changed, and what is said then.

use jiff::civil::{Date, date};

use crate::{
    Action::{self, Administer, Approve, Audit, Export, Read, Reanalyse, Refuse, Submit, ViewProvenance, Withdraw},
    Aggregate, Consent, Delegation, Execution, Facts, Login, Place, Principal, ProjectFacts, TermVerdict, Use,
};

use super::base::{allowed, allowed_service, person};

/// The day of the requests.
const TODAY: Date = date(2026, 11, 23);

/// Changes a fact.
type Flip = fn(&mut Facts);

/// What is changed and what comes of it.
pub(super) struct Case {
    /// The policy that is to speak, alone.
    pub(super) policy: &'static str,
    pub(super) base: fn(Action) -> Facts,
    pub(super) action: Action,
    pub(super) flip: Flip,
    /// A part of what it says.
    pub(super) says: &'static str,
}

const fn case(policy: &'static str, action: Action, says: &'static str, flip: Flip) -> Case {
    Case { policy, base: allowed, action, flip, says }
}

const fn of_service(policy: &'static str, action: Action, says: &'static str, flip: Flip) -> Case {
    Case { policy, base: allowed_service, action, flip, says }
}

/// An aggregate with the fewest subjects and the most bytes that may be.
const MANY: Aggregate = Aggregate { subjects: 20, at_least: 20, bytes: 65_536, at_most: 65_536 };

const fn of_aggregate(says: &'static str, flip: Flip) -> Case {
    Case { policy: "aggregate-of-many", base: allowed_aggregate, action: Export, flip, says }
}

fn allowed_aggregate(action: Action) -> Facts {
    let mut facts = allowed(action);
    aggregate(&mut facts);
    facts
}

/// An aggregate that nobody looked at.
fn aggregate(facts: &mut Facts) {
    facts.approved_by = None;
    facts.aggregate = Some(MANY);
}

fn login(facts: &mut Facts) -> &mut Login {
    let Principal::Person(_, login) = &mut facts.principal else { panic!("the request is not a person's") };
    login
}

fn delegation(facts: &mut Facts) -> &mut Delegation {
    let Principal::Service { delegation, .. } = &mut facts.principal else { panic!("the request is not a service's") };
    delegation
}

fn project(facts: &mut Facts) -> &mut ProjectFacts {
    facts.project.as_mut().unwrap()
}

fn execution(facts: &mut Facts) -> &mut Execution {
    facts.execution.as_mut().unwrap()
}

fn consent(facts: &mut Facts, consent: Consent) {
    facts.datasets[0].consent = consent;
}

fn term(facts: &mut Facts, verdict: Use) {
    let reason = "the project means a commercial use".to_owned();
    facts.datasets[0].terms = vec![TermVerdict { term: "NCU".to_owned(), verdict, reason }];
}

const USE: &[Action] = &[Submit, Read, Export, ViewProvenance, Reanalyse];
/// Who approves that data leave looks at them first.
const USE_AND_APPROVE: &[Action] = &[Submit, Read, Export, ViewProvenance, Reanalyse, Approve];
const GOVERN: &[Action] = &[Approve, Refuse, Withdraw, Administer, Audit];

/// For which actions each policy speaks.
pub(super) const SCOPES: &[(&str, &[Action])] = &[
    ("declared-person", &Action::ALL),
    ("verified-identity", &Action::ALL),
    ("multi-factor", &Action::ALL),
    ("trusted-institution", &Action::ALL),
    ("allowed-place", &Action::ALL),
    ("delegation-in-force", &Action::ALL),
    ("delegation-not-revoked", &Action::ALL),
    ("delegation-covers-action", &Action::ALL),
    ("login-of-today", USE),
    ("suspended-institution", USE),
    ("valid-training", USE_AND_APPROVE),
    ("required-visa", USE_AND_APPROVE),
    ("institute-network", USE),
    ("dataset-network", USE_AND_APPROVE),
    ("declared-project", USE_AND_APPROVE),
    ("membership", USE),
    ("research-only", USE_AND_APPROVE),
    ("project-has-begun", USE_AND_APPROVE),
    ("project-has-not-ended", USE_AND_APPROVE),
    ("declared-dataset", USE_AND_APPROVE),
    ("labelled-data", USE_AND_APPROVE),
    ("dataset-in-project", USE_AND_APPROVE),
    ("granted-by-visa", USE_AND_APPROVE),
    ("consent-not-withdrawn", USE_AND_APPROVE),
    ("consent-known", USE_AND_APPROVE),
    ("consent-has-begun", USE_AND_APPROVE),
    ("listed-subject", USE_AND_APPROVE),
    ("data-use-terms", USE_AND_APPROVE),
    ("data-use-decided", USE_AND_APPROVE),
    ("allowed-executor", USE),
    ("closed-tools", USE),
    ("confidential-computing", USE),
    ("confidential-data", USE),
    ("allowed-source", USE),
    ("fresh-login-for-government", GOVERN),
    ("institute-network-for-government", GOVERN),
    ("suspended-institution-decides-nothing", &[Approve, Refuse, Administer, Audit]),
    ("people-decide", &[Export, Approve, Refuse, Withdraw, Administer, Audit]),
    ("approved-export", &[Export]),
    ("aggregate-of-many", &[Export]),
    ("export-approved-by-another", &[Export]),
    ("four-eyes", &[Approve, Refuse]),
    ("committee-approves", &[Approve, Refuse]),
    ("steward-withdraws", &[Withdraw]),
    ("administrator-keeps-the-site", &[Administer]),
    ("auditor-reads-the-log", &[Audit]),
];

pub(super) const DENIED: &[Case] = &[
    case("declared-person", Read, "the person anna is not in the registry", |f| person(f).declared = false),
    case("verified-identity", Read, "anna is who they say", |f| person(f).verified = false),
    case("multi-factor", Read, "anna logged in without a second factor", |f| login(f).multi_factor = false),
    case("login-of-today", Read, "anna logged in 12 h 1 min ago", |f| login(f).age_minutes = Some(721)),
    case("login-of-today", Read, "not known when anna logged in", |f| login(f).age_minutes = None),
    case("fresh-login-for-government", Audit, "not known when anna logged in", |f| login(f).age_minutes = None),
    case("fresh-login-for-government", Audit, "anna logged in 1 h 1 min ago", |f| login(f).age_minutes = Some(61)),
    case(
        "trusted-institution",
        Read,
        "the institution of anna is not among those that this site trusts: maxima",
        |f| person(f).institution.trusted = false,
    ),
    case("suspended-institution", Read, "maxima", |f| person(f).institution.suspended = true),
    case("suspended-institution-decides-nothing", Audit, "maxima", |f| person(f).institution.suspended = true),
    case("valid-training", Read, "the training of anna ended on 2026-10-01", |f| {
        person(f).training_until = Some("2026-10-01".parse().unwrap());
    }),
    case("valid-training", Read, "no training of anna is on record", |f| person(f).training_until = None),
    case("required-visa", Read, "anna has no visa of the type ResearcherStatus", |f| {
        person(f).missing_visas = ["ResearcherStatus".to_owned()].into();
    }),
    case("valid-training", Approve, "no training of anna is on record", |f| person(f).training_until = None),
    case("required-visa", Approve, "anna has no visa of the type ResearcherStatus", |f| {
        person(f).missing_visas = ["ResearcherStatus".to_owned()].into();
    }),
    case("dataset-network", Approve, "from which the dataset trial-7 is used: lab of maxima", |f| {
        f.datasets[0].other_networks = Some("lab of maxima".to_owned());
    }),
    case("institute-network", Read, "none of the institute's networks", |f| f.network = None),
    case("dataset-network", Read, "from which the dataset trial-7 is used: lab of maxima", |f| {
        f.datasets[0].other_networks = Some("lab of maxima".to_owned());
    }),
    case("institute-network-for-government", Audit, "none of the institute's networks", |f| f.network = None),
    of_service("delegation-in-force", Submit, "ended at 2026-11-23T10:15:00Z", |f| {
        delegation(f).until = "2026-11-23T10:15:00Z".parse().unwrap();
    }),
    of_service("delegation-not-revoked", Submit, "anna revoked what they delegated to scheduler", |f| {
        delegation(f).revoked = true;
    }),
    of_service("delegation-covers-action", Reanalyse, "anna did not delegate `reanalyse`", |f| {
        let action = f.action;
        delegation(f).actions.remove(&action);
    }),
    case("people-decide", Export, "scheduler (for anna) is a program, and `export` is for people", by_program),
    case("people-decide", Approve, "`approve` is for people", by_program),
    case("people-decide", Refuse, "`refuse` is for people", by_program),
    case("people-decide", Withdraw, "`withdraw` is for people", by_program),
    case("people-decide", Administer, "`administer` is for people", by_program),
    case("people-decide", Audit, "`audit` is for people", by_program),
    of_service("required-visa", Submit, "anna has no visa", |f| {
        person(f).missing_visas = ["AffiliationAndRole".to_owned()].into();
    }),
    of_service("valid-training", Submit, "no training of anna", |f| person(f).training_until = None),
    case("declared-project", Submit, "the project neuro is not in the registry", |f| project(f).declared = false),
    case("declared-project", Submit, "no project was named", |f| f.project = None),
    case("declared-project", Submit, "the project neuro is not in the registry", |f| {
        project(f).declared = false;
        f.datasets[0].granted = false;
    }),
    case("membership", Submit, "anna is not a member of the project neuro", |f| project(f).member = false),
    case("research-only", Submit, "has the purpose `care`", |f| project(f).purpose = "care".to_owned()),
    case("project-has-begun", Submit, "runs from 2026-11-24 to", |f| project(f).from = "2026-11-24".parse().unwrap()),
    case("project-has-not-ended", Submit, "to 2026-11-22, today is 2026-11-23", |f| {
        project(f).until = "2026-11-22".parse().unwrap();
    }),
    case("declared-project", Approve, "the project neuro is not in the registry", |f| project(f).declared = false),
    case("research-only", Approve, "has the purpose `care`", |f| project(f).purpose = "care".to_owned()),
    case("project-has-begun", Approve, "runs from 2026-11-24 to", |f| project(f).from = "2026-11-24".parse().unwrap()),
    case("project-has-not-ended", Approve, "to 2026-11-22, today is 2026-11-23", |f| {
        project(f).until = "2026-11-22".parse().unwrap();
    }),
    case("declared-dataset", Approve, "the dataset trial-7 is not in the registry", |f| f.datasets[0].declared = false),
    case("labelled-data", Approve, "b3:77 carries no labels", |f| f.without_labels = vec!["b3:77".to_owned()]),
    case("dataset-in-project", Approve, "trial-7 is not granted to the project neuro", |f| {
        f.datasets[0].granted = false
    }),
    case("granted-by-visa", Approve, "grants https://data.example.org/7, for the dataset trial-7", |f| {
        f.datasets[0].missing_grant = Some("https://data.example.org/7".to_owned());
    }),
    case("consent-known", Approve, "for the dataset trial-7 is not known", |f| consent(f, Consent::Unknown)),
    case("consent-has-begun", Approve, "holds from 2026-11-24, today is 2026-11-23", |f| {
        consent(f, Consent::Given(Some("2026-11-24".parse().unwrap())));
    }),
    case("listed-subject", Approve, "the subject P012 is in none of", |f| f.subjects[0].listed = false),
    case("data-use-terms", Approve, "NCU of the dataset trial-7", |f| term(f, Use::NotMet)),
    case("data-use-decided", Approve, "NCU of the dataset trial-7", |f| term(f, Use::Abstain)),
    case("declared-dataset", Submit, "the dataset trial-7 is not in the registry", |f| f.datasets[0].declared = false),
    case("labelled-data", Submit, "b3:77 carries no labels", |f| f.without_labels = vec!["b3:77".to_owned()]),
    case("dataset-in-project", Submit, "trial-7 is not granted to the project neuro", |f| {
        f.datasets[0].granted = false
    }),
    case("granted-by-visa", Submit, "grants https://data.example.org/7, for the dataset trial-7", |f| {
        f.datasets[0].missing_grant = Some("https://data.example.org/7".to_owned());
    }),
    case("consent-not-withdrawn", Submit, "the dataset trial-7 was withdrawn on 2026-11-01", |f| {
        consent(f, Consent::Withdrawn(Some("2026-11-01".parse().unwrap())));
    }),
    case("consent-not-withdrawn", Submit, "the consent of the subject P012 was withdrawn", |f| {
        f.subjects[0].consent = Consent::Withdrawn(None);
    }),
    case("consent-not-withdrawn", Approve, "the consent of the subject P012 was withdrawn", |f| {
        f.subjects[0].consent = Consent::Withdrawn(None);
    }),
    case("consent-known", Submit, "for the dataset trial-7 is not known", |f| consent(f, Consent::Unknown)),
    case("consent-known", Submit, "of the subject P012 is not known", |f| f.subjects[0].consent = Consent::Unknown),
    case("consent-has-begun", Submit, "holds from 2026-11-24, today is 2026-11-23", |f| {
        consent(f, Consent::Given(Some("2026-11-24".parse().unwrap())));
    }),
    case("listed-subject", Submit, "the subject P012 is in none of", |f| f.subjects[0].listed = false),
    case("data-use-terms", Submit, "NCU of the dataset trial-7: the project means a commercial use", |f| {
        term(f, Use::NotMet);
    }),
    case("data-use-decided", Submit, "NCU of the dataset trial-7", |f| term(f, Use::Abstain)),
    case("allowed-place", Submit, "in BE; allowed are NL, europe-west4", |f| f.place = Place::named("be")),
    case("allowed-executor", Submit, "the executor docker", |f| execution(f).executor_allowed = false),
    case("closed-tools", Submit, "the tool asks to reach the network", |f| execution(f).tool_network = true),
    case("allowed-source", Submit, "the host data.example.org", |f| f.source.as_mut().unwrap().allowed = false),
    case("approved-export", Export, "nobody has approved this export by anna", |f| f.approved_by = None),
    case("export-approved-by-another", Export, "anna approved their own export", |f| {
        f.approved_by = Some("anna".to_owned());
    }),
    of_aggregate("of 19 subjects, where 20 are asked for", |f| f.aggregate = Some(Aggregate { subjects: 19, ..MANY })),
    of_aggregate("65537 bytes would leave, where 65536 may", |f| {
        f.aggregate = Some(Aggregate { bytes: 65_537, ..MANY })
    }),
    case("four-eyes", Approve, "anna asked for it", |f| f.asked_by = Some("anna".to_owned())),
    case("four-eyes", Refuse, "anna asked for it", |f| f.asked_by = Some("anna".to_owned())),
    case("committee-approves", Approve, "roles administrator, auditor, steward", |f| {
        person(f).roles.remove("committee");
    }),
    case("committee-approves", Refuse, "roles administrator, auditor, steward", |f| {
        person(f).roles.remove("committee");
    }),
    case("steward-withdraws", Withdraw, "anna is not a data steward", |f| {
        person(f).roles.remove("steward");
    }),
    case("administrator-keeps-the-site", Administer, "anna is not an administrator: no roles", |f| {
        person(f).roles.clear();
    }),
    case("auditor-reads-the-log", Audit, "anna is not an auditor", |f| {
        person(f).roles.remove("auditor");
    }),
    Case {
        policy: "confidential-computing",
        base: |action| {
            let mut facts = allowed(action);
            execution(&mut facts).on_site = false;
            facts
        },
        action: Submit,
        flip: |f| execution(f).confidential = false,
        says: "machines that are not the site's own",
    },
    Case {
        policy: "confidential-data",
        base: |action| {
            let mut facts = allowed(action);
            facts.datasets[0].confidential = true;
            facts
        },
        action: Submit,
        flip: |f| execution(f).confidential = false,
        says: "the dataset trial-7 is worked on with confidential computing only",
    },
];

/// Requests that are allowed although one of the facts is not as it mostly is.
pub(super) const ALLOWED: &[(&str, Action, Flip)] = &[
    ("provenance", ViewProvenance, |_| ()),
    ("a login of twelve hours", Read, |f| login(f).age_minutes = Some(720)),
    ("a login of an hour", Audit, |f| login(f).age_minutes = Some(60)),
    ("the last day of a training", Read, |f| person(f).training_until = Some(TODAY)),
    ("the first day of a project", Read, |f| project(f).from = TODAY),
    ("the last day of a project", Read, |f| project(f).until = TODAY),
    ("the first day of a consent", Read, |f| consent(f, Consent::Given(Some(TODAY)))),
    ("a consent without a date", Read, |f| consent(f, Consent::Given(None))),
    ("a withdrawal from a suspended institution", Withdraw, |f| person(f).institution.suspended = true),
    ("no execution", Read, |f| f.execution = None),
    ("no source", Submit, |f| f.source = None),
    ("machines of the site without confidential computing", Submit, |f| execution(f).confidential = false),
    ("data that are encrypted in memory, too", Submit, |f| f.datasets[0].confidential = true),
    ("a look at data that are encrypted in memory where they are worked on", Read, |f| {
        f.datasets[0].confidential = true;
        f.execution = None;
    }),
    ("rented machines with it", Submit, |f| execution(f).on_site = false),
    ("a region of a cloud", Submit, |f| f.place = Place::named("europe-west4")),
    ("a tool with the network where the site allows it", Submit, |f| {
        execution(f).tool_network = true;
        execution(f).tool_network_allowed = true;
    }),
    ("a public dataset that is not granted", Submit, |f| {
        f.datasets[0].public = true;
        f.datasets[0].granted = false;
        f.datasets[0].missing_grant = Some("https://data.example.org/7".to_owned());
        f.datasets[0].other_networks = Some("lab of maxima".to_owned());
        f.datasets[0].confidential = true;
        execution(f).confidential = false;
        consent(f, Consent::Unknown);
    }),
    ("an approval of what nobody in particular asked for", Approve, |f| f.asked_by = None),
    ("the last day of a project whose result is looked at", Approve, |f| project(f).until = TODAY),
    ("a look at what is to leave by who is no member", Approve, |f| project(f).member = false),
    ("a refusal whatever became of project and data", Refuse, |f| {
        f.project = None;
        f.datasets[0].declared = false;
        f.datasets[0].granted = false;
        f.without_labels = vec!["b3:77".to_owned()];
        consent(f, Consent::Withdrawn(None));
        term(f, Use::NotMet);
        person(f).training_until = None;
        person(f).missing_visas = ["ResearcherStatus".to_owned()].into();
    }),
    ("an audit without a visa", Audit, |f| person(f).missing_visas = ["ResearcherStatus".to_owned()].into()),
    ("an export of public data", Export, |f| {
        f.datasets[0].public = true;
        f.approved_by = None;
    }),
    ("an aggregate that nobody looked at", Export, aggregate),
    ("data that are not bound to a network", Read, |f| {
        f.datasets[0].network_bound = false;
        f.network = None;
    }),
    ("a duty", Submit, |f| term(f, Use::Duty("publish the results".to_owned()))),
    ("a personal site", Submit, personal),
    ("an export of a personal site", Export, personal),
    ("an export of a personal site that nobody approved", Export, |f| {
        personal(f);
        f.approved_by = None;
    }),
    ("an approval of a personal site", Approve, personal),
    ("a withdrawal of a personal site", Withdraw, personal),
    ("the upkeep of a personal site", Administer, personal),
    ("the audit log of a personal site", Audit, personal),
];

/// The same, asked by a program.
fn by_program(facts: &mut Facts) {
    facts.principal = allowed_service(facts.action).principal;
}

/// One person, whom nobody vouches for, with no role and no login.
fn personal(facts: &mut Facts) {
    facts.personal_site = true;
    facts.network = None;
    facts.asked_by = Some("anna".to_owned());
    facts.approved_by = Some("anna".to_owned());
    *login(facts) = Login { multi_factor: false, age_minutes: None };
    let person = person(facts);
    person.verified = false;
    person.institution.trusted = false;
    person.training_until = None;
    person.missing_visas = ["ResearcherStatus".to_owned()].into();
    person.roles.clear();
    facts.datasets[0].missing_grant = Some("https://data.example.org/7".to_owned());
    facts.datasets[0].other_networks = Some("lab of maxima".to_owned());
}
