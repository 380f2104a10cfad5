//! `projects.yaml`: approved projects, and what they declared to the committee that approved them.

use std::collections::BTreeSet;

use jiff::civil::Date;
use sluis_model::DatasetName;
use sluis_policy::{Declared, Disease, OntologyCode, Purpose, ResearchKind};
use sluis_yaml::{Diagnostics, Fields, Node};

use super::names;
use crate::config::parsed;

/// An approved project.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Project {
    /// What the data may be used for.
    pub purpose: String,
    /// Who works on it.
    pub members: Vec<String>,
    /// The datasets that its approval covers.
    pub datasets: Vec<DatasetName>,
    /// Its first day.
    pub from: Date,
    /// Its last day.
    pub until: Date,
    /// The approving committee's reference.
    pub approval: Option<String>,
    /// The kinds of output that its approval lets leave the site, in words; by one of them each request calls its objects.
    pub allowed_outputs: Vec<String>,
    /// What it declared of its use of data. The names of project, members and institutions are added for a decision.
    pub data_use: Purpose,
}

const KNOWN: &[&str] = &["purpose", "members", "datasets", "from", "until", "approval", "allowed-outputs", "data-use"];

const DATA_USE: &[&str] = &[
    "kind",
    "diseases",
    "research",
    "commercial",
    "for-profit",
    "methods-development",
    "ancestry",
    "genetic",
    "ethics-approval-until",
    "collaborates-with",
    "publishes",
    "returns-data",
    "countries",
];

pub(super) fn read_project(node: &Node, problems: &mut Diagnostics) -> Option<Project> {
    let fields = Fields::of(node, "a project", problems)?;
    fields.check_known(KNOWN, problems);
    let purpose = fields.required_string("purpose", problems);
    let members = fields.strings("members", problems).into_iter().map(str::to_owned).collect();
    let datasets = names(fields.list("datasets", problems), "a dataset", problems);
    let from: Option<Date> = parsed(fields, "from", problems);
    let until = parsed(fields, "until", problems);
    let (from, until) = (from?, until?);
    if from > until {
        problems.error(fields.span(), format!("a project that runs from {from} cannot end on {until}"));
    }
    let approval = fields.string("approval", problems).map(str::to_owned);
    let allowed_outputs = fields.strings("allowed-outputs", problems).into_iter().map(str::to_owned).collect();
    let data_use =
        fields.get("data-use").map_or_else(|| Some(Purpose::default()), |node| read_data_use(node, problems));
    let (purpose, data_use) = (purpose?.to_owned(), data_use?);
    Some(Project { purpose, members, datasets, from, until, approval, allowed_outputs, data_use })
}

fn read_data_use(node: &Node, problems: &mut Diagnostics) -> Option<Purpose> {
    let fields = Fields::of(node, "`data-use`", problems)?;
    fields.check_known(DATA_USE, problems);
    let mut texts = |field| fields.strings(field, problems).into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    let (research, collaborates_with) = (texts("research"), texts("collaborates-with"));
    let countries = texts("countries").into_iter().map(|code| code.to_ascii_uppercase()).collect();
    let mut said = |field| fields.boolean(field, problems).map_or(Declared::Nothing, Declared::from);
    let purpose = Purpose {
        research,
        collaborates_with,
        countries,
        commercial: said("commercial"),
        for_profit: said("for-profit"),
        methods_development: said("methods-development"),
        ancestry: said("ancestry"),
        genetic: said("genetic"),
        publishes: said("publishes"),
        returns_data: said("returns-data"),
        kind: read_kind(fields, problems),
        diseases: read_diseases(fields, problems),
        ethics_approval_until: match fields.get("ethics-approval-until") {
            Some(_) => Some(parsed(fields, "ethics-approval-until", problems)?),
            None => None,
        },
        ..Purpose::default()
    };
    Some(purpose)
}

fn read_kind(fields: Fields<'_>, problems: &mut Diagnostics) -> ResearchKind {
    match fields.string("kind", problems) {
        Some("health") => ResearchKind::Health,
        Some("ancestry") => ResearchKind::Ancestry,
        Some("other") => ResearchKind::Other,
        Some(text) => {
            let message = format!("`kind`: `{text}` is none of `health`, `ancestry`, `other`");
            problems.error(fields.get("kind").map_or(fields.span(), |node| &node.span), message);
            ResearchKind::Undeclared
        }
        None => ResearchKind::Undeclared,
    }
}

/// Codes of diseases, each with those of which it is a kind.
fn read_diseases(fields: Fields<'_>, problems: &mut Diagnostics) -> Vec<Disease> {
    let mut diseases = Vec::new();
    for (code, entry) in fields.mapping("diseases", problems).into_iter().flatten() {
        let ancestors = entry.node.as_sequence().unwrap_or_default();
        let ancestors = names::<OntologyCode>(ancestors, "a disease", problems).into_iter().collect();
        match code.parse() {
            Ok(code) => diseases.push(Disease { code, ancestors }),
            Err(error) => problems.error(&entry.key, format!("{error}")),
        }
    }
    diseases
}
