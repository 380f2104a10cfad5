//! What a decision is made from. The caller knows it; nothing here is looked up.

mod data;
mod place;
mod who;

use jiff::{Timestamp, civil::Date, tz::Offset};
use sluis_model::{DatasetName, ProjectName};

use crate::Action;

pub use data::{Consent, DatasetFacts, SubjectFacts};
pub use place::{Execution, Place, SourceHost};
pub use who::{Delegation, Institution, Login, Person, Principal};

/// Everything that one decision is made from: those whom and which the request concerns, and no others.
#[derive(Clone, PartialEq, Debug)]
pub struct Facts {
    /// Who asks.
    pub principal: Principal,
    /// What for.
    pub action: Action,
    /// Of what.
    pub resource: Resource,
    /// Whether the site is that of one person, whose identity nobody else vouches for (`issuer: self`).
    pub personal_site: bool,
    /// Which of the institute's networks the request comes from, if it is one of them.
    pub network: Option<String>,
    /// Where data would be processed or would lie.
    pub place: Place,
    /// The places that the site allows, each as [`Place::code`] has it.
    pub allowed_places: Vec<String>,
    /// What would run, if something is to run.
    pub execution: Option<Execution>,
    /// The host from which a file would be fetched, if one is.
    pub source: Option<SourceHost>,
    /// For an approval: the name of the person who asked for what is to be approved.
    pub asked_by: Option<String>,
    /// For an export: the name of the person who approved it.
    pub approved_by: Option<String>,
    /// For an export that nobody approved, of a kind that the committee lets leave so: what it is as an aggregate.
    pub aggregate: Option<Aggregate>,
    /// On behalf of which project. Without one, data cannot be used.
    pub project: Option<ProjectFacts>,
    /// The datasets in the labels of what is concerned.
    pub datasets: Vec<DatasetFacts>,
    /// The subjects in these labels. One who is in several datasets stands here once for each.
    pub subjects: Vec<SubjectFacts>,
    /// Objects of which it is not known what they were made from, by their addresses; or `it`, of what comes in.
    pub without_labels: Vec<String>,
    /// The time of the decision.
    pub now: Timestamp,
    /// When it was asked for: earlier, if what was permitted is decided anew while it runs. The time of day is that of then.
    pub asked: Timestamp,
}

impl Facts {
    /// The day of the decision, by UTC.
    pub fn today(&self) -> Date {
        Offset::UTC.to_datetime(self.now).date()
    }
}

/// What a request is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Resource {
    /// A dataset, into which data are taken, or whose consents are changed.
    Dataset(DatasetName),
    /// A stored object, by its address; in the policies it is in the datasets of its labels.
    Object(String),
    /// A run or a task of it, by the run's identifier; in its project, and in the datasets of what it reads.
    Run(String),
    /// A project.
    Project(ProjectName),
    /// The site itself, by its name.
    Site(String),
}

/// What is to leave as an aggregate, in numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Aggregate {
    /// Of how many subjects each part of it is at least.
    pub subjects: u32,
    /// Of how many it must be.
    pub at_least: u32,
    /// How many bytes leave so, with all of this kind that left lately.
    pub bytes: u64,
    /// How many may.
    pub at_most: u64,
}

/// A project as the registry declares it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProjectFacts {
    /// Its name.
    pub name: ProjectName,
    /// Whether the registry knows it. If not, the rest is not looked at.
    pub declared: bool,
    /// Whether the person is one of its members.
    pub member: bool,
    /// What its approval allows the data to be used for.
    pub purpose: String,
    /// Its first day.
    pub from: Date,
    /// Its last day.
    pub until: Date,
}
