//! People, and projects, that are refused.

use serde_json::json;

use super::{By, Flip, claim, drop_claim, flip, seconds_from_now};
use crate::world::World;

/// What is wrong with who asks.
pub const PEOPLE: &[Flip] = &[
    flip(
        "unknown to the registry",
        |w| claim(w, "sub", json!("somebody")),
        By(&[
            ("declared-person", "the person somebody of http://127.0.0.1"),
            ("membership", "is not a member of the project neuroblastoma"),
            ("trusted-institution", "is not among those that this site trusts: no institution"),
            ("valid-training", "no training of somebody of http://127.0.0.1"),
        ]),
    ),
    flip("no acr", |w| drop_claim(w, "acr"), By(&[("multi-factor", "anna logged in without a second factor")])),
    flip(
        "amr alone",
        |w| {
            drop_claim(w, "acr");
            claim(w, "amr", json!(["mfa", "otp"]));
        },
        By(&[("multi-factor", "anna logged in without a second factor")]),
    ),
    flip(
        "an acr of one factor",
        |w| claim(w, "acr", json!("https://refeds.org/profile/sfa")),
        By(&[("multi-factor", "anna logged in without a second factor")]),
    ),
    flip(
        "stale login",
        |w| claim(w, "auth_time", seconds_from_now(-13 * 3600)),
        By(&[("login-of-today", "anna logged in 13 h")]),
    ),
    flip(
        "login of unknown age",
        |w| drop_claim(w, "auth_time"),
        By(&[("login-of-today", "it is not known when anna logged in")]),
    ),
    flip(
        "institution suspended",
        |w| World::edit(&mut w.institutions, "trust: trusted", "trust: suspended"),
        By(&[
            ("suspended-institution", "maxima, the institution of anna, is suspended"),
            (
                "institute-network",
                "the request comes from none of the institute's networks, to which the dataset trial-7 is bound",
            ),
        ]),
    ),
    flip(
        "training missing",
        |w| {
            World::edit(
                &mut w.people,
                "    training:\n      - {course: 'https://example.org/protection/1', completed: TRAINED, until: LAST-DAY}\n",
                "",
            )
        },
        By(&[("valid-training", "no training of anna is on record")]),
    ),
    flip(
        "training lapsed",
        |w| {
            World::edit(
                &mut w.people,
                "completed: TRAINED, until: LAST-DAY",
                "completed: '2020-01-01', until: '2020-12-31'",
            )
        },
        By(&[("valid-training", "the training of anna ended on 2020-12-31")]),
    ),
    flip(
        "training to come",
        |w| {
            World::edit(
                &mut w.people,
                "completed: TRAINED, until: LAST-DAY",
                "completed: '2089-01-01', until: '2089-12-31'",
            )
        },
        By(&[("valid-training", "no training of anna is on record")]),
    ),
    flip(
        "wrong network",
        |w| w.addresses = vec!["198.51.100.17"],
        By(&[(
            "institute-network",
            "the request comes from none of the institute's networks, to which the dataset trial-7 is bound",
        )]),
    ),
    flip(
        "no network",
        |w| w.addresses.clear(),
        By(&[(
            "institute-network",
            "the request comes from none of the institute's networks, to which the dataset trial-7 is bound",
        )]),
    ),
];

/// What is wrong with the network from which somebody asks.
pub const NETWORKS: &[Flip] = &[
    flip(
        "another network of the institute than the dataset's",
        |w| {
            World::edit(&mut w.institutions, "{campus:", "{lab: [198.51.100.0/25], campus:");
            World::edit(&mut w.datasets, "kind: molecular", "networks: [lab of maxima]");
        },
        By(&[("dataset-network", "from which the dataset trial-7 is used: lab of maxima")]),
    ),
    flip(
        "no network of the institute, where the dataset names one",
        |w| {
            w.addresses.clear();
            World::edit(&mut w.datasets, "kind: molecular", "networks: [campus of maxima]");
        },
        By(&[("dataset-network", "from which the dataset trial-7 is used: campus of maxima")]),
    ),
];

/// What is wrong with the project.
pub const PROJECTS: &[Flip] = &[
    flip(
        "not a member",
        |w| World::edit(&mut w.projects, "members: [anna]", "members: []"),
        By(&[("membership", "anna is not a member of the project neuroblastoma")]),
    ),
    flip(
        "unknown project",
        |w| World::edit(&mut w.projects, "  neuroblastoma:", "  other:"),
        By(&[("declared-project", "the project neuroblastoma is not in the registry")]),
    ),
    flip(
        "project has not begun",
        |w| World::edit(&mut w.projects, "from: '2020-01-01'", "from: '2089-01-01'"),
        By(&[("project-has-begun", "the project neuroblastoma runs from 2089-01-01 to 2090-01-01")]),
    ),
    flip(
        "project is over",
        |w| World::edit(&mut w.projects, "until: '2090-01-01'", "until: '2021-01-01'"),
        By(&[("project-has-not-ended", "the project neuroblastoma runs from 2020-01-01 to 2021-01-01")]),
    ),
    flip(
        "another purpose",
        |w| World::edit(&mut w.projects, "purpose: research", "purpose: insurance"),
        By(&[("research-only", "the project neuroblastoma has the purpose `insurance`")]),
    ),
    flip(
        "dataset not in project",
        |w| World::edit(&mut w.projects, "datasets: [trial-7]", "datasets: []"),
        By(&[("dataset-in-project", "the dataset trial-7 is not granted to the project neuroblastoma")]),
    ),
];
