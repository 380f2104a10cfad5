//! Programs that are refused: because of what became of the delegation, or of who made it.

use super::{By, Flip, Token, flip};
use crate::world::{Ask, World};

/// What is wrong with a program, or with the person for whom it acts.
pub const PROGRAMS: &[Flip] = &[
    flip(
        "delegation revoked",
        |w| w.delegation().revoked = true,
        By(&[("delegation-not-revoked", "anna revoked what they delegated to nightly (for anna)")]),
    ),
    flip("delegation expired", |w| w.delegation().seconds_left = Some(-1), Token("the token expired at")),
    flip(
        "delegation changed by one letter",
        |w| {
            w.delegation().shows = |token| {
                let letter = if token.as_bytes()[token.len() - 10] == b'A' { "B" } else { "A" };
                format!("{}{letter}{}", &token[..token.len() - 10], &token[token.len() - 9..])
            };
        },
        Token("the signature is wrong: the token was changed, or signed by somebody else"),
    ),
    flip(
        "no delegation",
        |w| w.delegation().shows = |_| String::new(),
        Token("this is no signed token: it does not have three parts"),
    ),
    flip(
        "an action that was not delegated",
        |w| w.ask = Ask::Provenance,
        By(&[("delegation-covers-action", "anna did not delegate `view_provenance` to nightly (for anna)")]),
    ),
    flip(
        "delegation for another project",
        |w| w.delegation().project = "sarcoma",
        By(&[("delegation-covers-action", "anna did not delegate `read` to nightly (for anna)")]),
    ),
    flip(
        "a decision that is for people",
        |w| w.ask = Ask::Export,
        By(&[
            ("approved-export", "nobody has approved this export by anna"),
            ("delegation-covers-action", "anna did not delegate `export`"),
            ("people-decide", "nightly (for anna) is a program, and `export` is for people"),
        ]),
    ),
    flip(
        "a program from outside",
        |w| w.addresses.clear(),
        By(&[("institute-network", "the request comes from none of the institute's networks, to which")]),
    ),
    flip(
        "a program of who was removed from the registry",
        |w| {
            World::edit(&mut w.people, "  anna:", "  bob:");
            World::edit(&mut w.people, "subject: anna-at-work", "subject: bob-at-work");
            World::edit(&mut w.projects, "members: [anna]", "members: [bob]");
        },
        By(&[
            ("declared-person", "the person anna-at-work of http://127.0.0.1"),
            ("membership", "is not a member of the project neuroblastoma"),
            ("trusted-institution", "is not among those that this site trusts: no institution"),
            ("valid-training", "no training of anna-at-work of http://127.0.0.1"),
        ]),
    ),
    flip(
        "a program of who is no member any more",
        |w| World::edit(&mut w.projects, "members: [anna]", "members: []"),
        By(&[("membership", "anna is not a member of the project neuroblastoma")]),
    ),
    flip(
        "a program of whose training lapsed",
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
        "a program of a suspended institution",
        |w| World::edit(&mut w.institutions, "trust: trusted", "trust: suspended"),
        By(&[
            ("suspended-institution", "maxima, the institution of anna, is suspended"),
            ("institute-network", "the request comes from none of the institute's networks, to which"),
        ]),
    ),
    flip(
        "a program in a project that is over",
        |w| World::edit(&mut w.projects, "until: '2090-01-01'", "until: '2021-01-01'"),
        By(&[("project-has-not-ended", "the project neuroblastoma runs from 2020-01-01 to 2021-01-01")]),
    ),
    flip(
        "a program that reads data of which the consent was withdrawn",
        |w| w.withdrawals = Some("withdrawals:\n  P012: {date: '2026-01-01'}\n"),
        By(&[("consent-not-withdrawn", "the consent of the subject P012 was withdrawn on 2026-01-01")]),
    ),
];
