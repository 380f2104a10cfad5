//! Requests that are refused.

use sluis_model::EuCountry;
use sluis_policy::Action;

use super::{By, Closed, Flip, claim, flip, seconds_from_now};
use crate::world::{Ask, World};

/// What is wrong with what is asked for.
pub const REQUESTS: &[Flip] = &[
    flip(
        "a task in another country",
        |w| w.ask = Ask::Task { region: EuCountry::DE, network: false },
        By(&[
            ("allowed-place", "it was to be done in DE; allowed are NL"),
            ("confidential-computing", "the executor local works on machines that are not the site's own"),
        ]),
    ),
    flip(
        "a tool without a container",
        |w| {
            w.ask = Ask::Task { region: EuCountry::NL, network: false };
            w.executors = "";
        },
        By(&[("allowed-executor", "the executor local is not among those that this site allows")]),
    ),
    flip(
        "data that are to be encrypted in memory, on machines that do not",
        |w| {
            w.ask = Ask::Task { region: EuCountry::NL, network: false };
            World::edit(&mut w.datasets, "kind: molecular", "confidential-computing: true");
        },
        By(&[("confidential-data", "the dataset trial-7 is worked on with confidential computing only")]),
    ),
    flip(
        "a task with the network",
        |w| w.ask = Ask::Task { region: EuCountry::NL, network: true },
        By(&[("closed-tools", "the tool asks to reach the network, which this site refuses")]),
    ),
    flip(
        "a host that is not known",
        |w| w.ask = Ask::Fetch,
        By(&[("allowed-source", "the host data.example.org is not among those from which this site takes data")]),
    ),
    flip(
        "data of an unknown dataset",
        |w| w.ask = Ask::TakeIn { dataset: "elsewhere", subject: None },
        By(&[("declared-dataset", "the dataset elsewhere is not in the registry")]),
    ),
    flip(
        "data of nobody in a dataset that lists subjects",
        |w| w.ask = Ask::TakeIn { dataset: "trial-7", subject: None },
        By(&[("listed-subject", "trial-7")]),
    ),
    flip(
        "data that a member calls public",
        |w| w.ask = Ask::TakeIn { dataset: "genomes", subject: None },
        By(&[
            ("administrator-keeps-the-site", "the dataset genomes is public"),
            ("administrator-keeps-the-site", "anna is not an administrator: no roles"),
        ]),
    ),
    flip(
        "an export that nobody approved",
        |w| w.ask = Ask::Export,
        By(&[("approved-export", "nobody has approved this export by anna")]),
    ),
    flip(
        "an approval of one's own export",
        |w| {
            w.ask = Ask::ApproveExport;
            World::edit(&mut w.people, "roles: []", "roles: [committee]");
        },
        By(&[
            ("four-eyes", "anna asked for it, and so cannot decide about it"),
            ("approved-export", "anna has not looked at b3:"),
        ]),
    ),
    flip(
        "reading the log without the role",
        |w| w.ask = Ask::ReadAudit,
        By(&[("auditor-reads-the-log", "anna is not an auditor: no roles")]),
    ),
    flip(
        "asking about others without the role",
        |w| w.ask = Ask::WhoCan,
        By(&[("auditor-reads-the-log", "anna is not an auditor: no roles")]),
    ),
    flip(
        "a withdrawal without the role",
        |w| w.ask = Ask::Withdraw,
        By(&[("steward-withdraws", "anna is not a data steward: no roles")]),
    ),
    flip(
        "upkeep without the role",
        |w| w.ask = Ask::Check,
        By(&[("administrator-keeps-the-site", "anna is not an administrator: no roles")]),
    ),
    flip(
        "a survey without the role",
        |w| w.ask = Ask::Survey,
        By(&[("administrator-keeps-the-site", "anna is not an administrator: no roles")]),
    ),
    flip(
        "a pin without the role",
        |w| w.ask = Ask::Pin,
        By(&[("administrator-keeps-the-site", "anna is not an administrator: no roles")]),
    ),
    flip(
        "taking a pin away without the role",
        |w| w.ask = Ask::Unpin,
        By(&[("administrator-keeps-the-site", "anna is not an administrator: no roles")]),
    ),
    flip(
        "governing from outside",
        |w| {
            w.ask = Ask::ReadAudit;
            World::edit(&mut w.people, "roles: []", "roles: [auditor]");
            w.addresses.clear();
        },
        By(&[("institute-network-for-government", "the request comes from none of the institute's networks")]),
    ),
    flip(
        "governing with a login of two hours ago",
        |w| {
            w.ask = Ask::ReadAudit;
            World::edit(&mut w.people, "roles: []", "roles: [auditor]");
            claim(w, "auth_time", seconds_from_now(-7200));
        },
        By(&[("fresh-login-for-government", "anna logged in 2 h")]),
    ),
    flip(
        "a delegation of reading the log",
        |w| {
            w.ask = Ask::Delegate(Action::Audit);
            World::edit(&mut w.people, "roles: []", "roles: [auditor]");
        },
        By(&[("people-decide", "`audit` is for people")]),
    ),
    flip(
        "a delegation of approvals",
        |w| {
            w.ask = Ask::Delegate(Action::Approve);
            World::edit(&mut w.people, "roles: []", "roles: [committee]");
        },
        By(&[("people-decide", "`approve` is for people")]),
    ),
    flip(
        "a delegation of withdrawals",
        |w| {
            w.ask = Ask::Delegate(Action::Withdraw);
            World::edit(&mut w.people, "roles: []", "roles: [steward]");
        },
        By(&[("people-decide", "`withdraw` is for people")]),
    ),
    flip(
        "a delegation of upkeep",
        |w| {
            w.ask = Ask::Delegate(Action::Administer);
            World::edit(&mut w.people, "roles: []", "roles: [administrator]");
        },
        By(&[("people-decide", "`administer` is for people")]),
    ),
    flip(
        "a delegation of exports",
        |w| w.ask = Ask::Delegate(Action::Export),
        By(&[("people-decide", "`export` is for people")]),
    ),
    flip(
        "a policy of the site",
        |w| {
            w.policy = Some(
                "@id(\"closed-today\") @reason(\"{person} comes too late\") forbid (principal, action == Action::\"read\", resource);",
            )
        },
        By(&[("site.cedar/closed-today", "anna comes too late")]),
    ),
    flip(
        "a policy of the site that is none",
        |w| w.policy = Some("permit (principal, action"),
        Closed("policies are not valid"),
    ),
];
