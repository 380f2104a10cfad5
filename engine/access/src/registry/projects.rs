//! `projects.yaml`: approved projects, and what they declared to the committee that approved them.

use std::collections::BTreeSet;

use jiff::civil::Date;
use sluis_model::DatasetName;
use sluis_policy::{Declared, Disease, OntologyCode, Purpose, ResearchKind};
use sluis_yaml::{Diagnostics, Fields, Node};

use super::names;
use crate::{Quota, config::parsed};

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
    pub allowed_outputs: Vec<AllowedOutput>,
    /// What it declared of its use of data. The names of project, members and institutions are added for a decision.
    pub data_use: Purpose,
}

/// A kind of output that may leave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AllowedOutput {
    /// What the committee calls it.
    pub name: String,
    /// By what numbers it leaves as an aggregate; by an approval of each alone if `None`.
    pub aggregate: Option<AggregateRule>,
}

/// What an aggregate must be to leave without a look at it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AggregateRule {
    /// Of how many subjects at least.
    pub subjects: u32,
    /// How many bytes at most, of all that leaves so within thirty days.
    pub bytes: u64,
}

/// No aggregate is of fewer subjects.
const FEWEST: i64 = 10;

/// No more than this leaves without a look.
const MOST_BYTES: u64 = 1 << 20;

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
    let allowed_outputs = fields.list("allowed-outputs", problems);
    let allowed_outputs = allowed_outputs.iter().filter_map(|node| read_allowed_output(node, problems)).collect();
    let data_use =
        fields.get("data-use").map_or_else(|| Some(Purpose::default()), |node| read_data_use(node, problems));
    let (purpose, data_use) = (purpose?.to_owned(), data_use?);
    Some(Project { purpose, members, datasets, from, until, approval, allowed_outputs, data_use })
}

/// A name, or a name with what makes it an aggregate.
fn read_allowed_output(node: &Node, problems: &mut Diagnostics) -> Option<AllowedOutput> {
    if let Some(name) = node.as_str() {
        return Some(AllowedOutput { name: name.to_owned(), aggregate: None });
    }
    let fields = Fields::of(node, "an output that may leave", problems)?;
    fields.check_known(&["output", "aggregate-of", "at-most"], problems);
    let name = fields.required_string("output", problems).map(str::to_owned);
    let place = |field| fields.get(field).map_or(fields.span(), |node| &node.span);
    let subjects = fields.require("aggregate-of", problems).and_then(|_| fields.integer("aggregate-of", problems));
    let subjects = subjects.and_then(|count| match u32::try_from(count) {
        Ok(subjects) if count >= FEWEST => Some(subjects),
        _ => {
            problems
                .error(place("aggregate-of"), format!("an aggregate is of {FEWEST} subjects or more, not of {count}"));
            None
        }
    });
    let bytes = parsed::<Quota>(fields, "at-most", problems).map(Quota::bytes);
    if bytes.is_some_and(|bytes| bytes > MOST_BYTES) {
        problems.error(place("at-most"), "without a look at it no more than 1 MiB leaves".to_owned());
    }
    let aggregate = AggregateRule { subjects: subjects?, bytes: bytes? };
    Some(AllowedOutput { name: name?, aggregate: Some(aggregate) })
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
