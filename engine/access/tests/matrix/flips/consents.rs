//! Consents that are missing, and terms that are not met.

use super::{By, Flip, flip};
use crate::world::World;

/// What is wrong with the consents.
pub const CONSENTS: &[Flip] = &[
    flip(
        "consent of the dataset withdrawn",
        |w| World::edit(&mut w.datasets, "consent: given", "consent: withdrawn"),
        By(&[("consent-not-withdrawn", "the consent for the dataset trial-7 was withdrawn on 2020-01-01")]),
    ),
    flip(
        "consent of the dataset unknown",
        |w| World::edit(&mut w.datasets, "consent: given", "consent: unknown"),
        By(&[("consent-known", "the consent for the dataset trial-7 is not known")]),
    ),
    flip(
        "consent of the dataset to come",
        |w| World::edit(&mut w.datasets, "consent-date: '2020-01-01'", "consent-date: '2089-01-01'"),
        By(&[("consent-has-begun", "the consent for the dataset trial-7 holds from 2089-01-01")]),
    ),
    flip(
        "consent of the subject withdrawn",
        |w| World::edit(&mut w.datasets, "{consent: given", "{consent: withdrawn"),
        By(&[("consent-not-withdrawn", "the consent of the subject P012 was withdrawn on 2020-01-01")]),
    ),
    flip(
        "consent of the subject unknown",
        |w| World::edit(&mut w.datasets, "{consent: given", "{consent: unknown"),
        By(&[("consent-known", "the consent of the subject P012 is not known")]),
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
        By(&[("consent-has-begun", "the consent of the subject P012 holds from 2089-01-01")]),
    ),
    flip(
        "a withdrawal",
        |w| w.withdrawals = Some("withdrawals:\n  P012: {date: '2026-01-01'}\n"),
        By(&[("consent-not-withdrawn", "the consent of the subject P012 was withdrawn on 2026-01-01")]),
    ),
    flip(
        "subject not listed",
        |w| World::edit(&mut w.datasets, "P012:", "P013:"),
        By(&[("listed-subject", "the subject P012 is in none of the datasets concerned")]),
    ),
    flip(
        "scope of the subject",
        |w| World::edit(&mut w.datasets, "scope: [HMB]", "scope: [POA]"),
        By(&[(
            "data-use-terms",
            "POA of P012 of the dataset trial-7: the project studies something else than ancestry",
        )]),
    ),
];

/// Terms that are not met, or of which that cannot be told.
pub const TERMS: &[Flip] = &[
    flip(
        "another disease",
        |w| w.terms = "DS MONDO:0000001",
        By(&[(
            "data-use-terms",
            "DS MONDO:0000001 of the dataset trial-7: the project studies MONDO:0005072, which is no kind of MONDO:0000001",
        )]),
    ),
    flip(
        "ancestry only",
        |w| w.terms = "POA",
        By(&[("data-use-terms", "POA of the dataset trial-7: the project studies something else than ancestry")]),
    ),
    flip(
        "other research",
        |w| w.terms = "RS of wine",
        By(&[(
            "data-use-decided",
            "RS of wine of the dataset trial-7: the project does not declare the research `of wine`",
        )]),
    ),
    flip(
        "no methods",
        |w| {
            w.terms = "NMDS";
            World::edit(&mut w.projects, "methods-development: false", "methods-development: true");
        },
        By(&[("data-use-terms", "NMDS of the dataset trial-7: the project develops methods")]),
    ),
    flip(
        "genetic studies only",
        |w| {
            w.terms = "GSO";
            World::edit(&mut w.projects, "genetic: true", "genetic: false");
        },
        By(&[("data-use-terms", "GSO of the dataset trial-7: the project is not a genetic study")]),
    ),
    flip(
        "not for profit, non-commercial",
        |w| {
            w.terms = "NPUNCU";
            World::edit(&mut w.projects, "for-profit: false", "for-profit: true");
        },
        By(&[("data-use-terms", "NPUNCU of the dataset trial-7: the project has an organisation for profit in it")]),
    ),
    flip(
        "to be published",
        |w| {
            w.terms = "PUB";
            World::edit(&mut w.projects, "publishes: true", "publishes: false");
        },
        By(&[("data-use-terms", "PUB of the dataset trial-7: the project publishes no results")]),
    ),
    flip(
        "together with others",
        |w| w.terms = "COL another office",
        By(&[(
            "data-use-terms",
            "COL another office of the dataset trial-7: the project does not collaborate with another office",
        )]),
    ),
    flip(
        "ethics approval lapsed",
        |w| {
            w.terms = "IRB";
            World::edit(&mut w.projects, "ethics-approval-until: '2090-01-01'", "ethics-approval-until: '2021-01-01'");
        },
        By(&[("data-use-terms", "IRB of the dataset trial-7: the ethics committee's approval ended on 2021-01-01")]),
    ),
    flip(
        "another country",
        |w| {
            w.terms = "'GS DE'";
        },
        By(&[("data-use-terms", "GS DE of the dataset trial-7: of the project's countries, NL is not among DE")]),
    ),
    flip(
        "time is over",
        |w| w.terms = "TS 2021-01-01",
        By(&[("data-use-terms", "TS 2021-01-01 of the dataset trial-7: the data could be used until 2021-01-01")]),
    ),
    flip(
        "other users",
        |w| w.terms = "US bob",
        By(&[("data-use-terms", "US bob of the dataset trial-7: of the project's users, anna is not among bob")]),
    ),
    flip(
        "another project",
        |w| w.terms = "PS other",
        By(&[(
            "data-use-terms",
            "PS other of the dataset trial-7: only the project other may use the data, this is neuroblastoma",
        )]),
    ),
    flip(
        "another institution",
        |w| w.terms = "IS elsewhere",
        By(&[(
            "data-use-terms",
            "IS elsewhere of the dataset trial-7: of the project's institutions, maxima is not among elsewhere",
        )]),
    ),
    flip(
        "to be given back",
        |w| {
            w.terms = "RTN";
            World::edit(&mut w.projects, "returns-data: true", "returns-data: false");
        },
        By(&[("data-use-terms", "RTN of the dataset trial-7: the project gives no derived data back")]),
    ),
    flip(
        "care only",
        |w| w.terms = "CC",
        By(&[("data-use-terms", "CC of the dataset trial-7: the data may be used for clinical care only")]),
    ),
    flip(
        "no ancestry",
        |w| {
            w.terms = "NPOA";
            // Health research as such excludes that of ancestry, too.
            World::edit(&mut w.datasets, "scope: [HMB]", "scope: [GRU]");
            World::edit(&mut w.projects, "ancestry: false", "ancestry: true");
        },
        By(&[("data-use-terms", "NPOA of the dataset trial-7: the project studies ancestry")]),
    ),
    flip(
        "not for profit",
        |w| {
            w.terms = "NPU";
            World::edit(&mut w.projects, "for-profit: false", "for-profit: true");
        },
        By(&[("data-use-terms", "NPU of the dataset trial-7: the project has an organisation for profit in it")]),
    ),
    flip(
        "non-commercial",
        |w| {
            w.terms = "NCU";
            World::edit(&mut w.projects, "commercial: false", "commercial: true");
        },
        By(&[("data-use-terms", "NCU of the dataset trial-7: the project means a commercial use")]),
    ),
    flip(
        "commercial use not declared",
        |w| {
            w.terms = "NCU";
            World::edit(&mut w.projects, "      commercial: false\n", "");
        },
        By(&[(
            "data-use-decided",
            "NCU of the dataset trial-7: the project does not declare whether it means a commercial use",
        )]),
    ),
];
