//! Facts as Cedar sees them: a request, its context, and only those entities that it concerns.

mod data;

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression as Value, Schema,
};
use jiff::{Timestamp, civil::Date, tz::Offset};

use crate::{Action, Aggregate, Delegation, Execution, Facts, Person, Place, Principal, ProjectFacts, Resource};

/// The names of entity types, read once.
#[derive(Clone, Debug)]
pub(crate) struct Types {
    pub(crate) person: EntityTypeName,
    pub(crate) service: EntityTypeName,
    dataset: EntityTypeName,
    object: EntityTypeName,
    run: EntityTypeName,
    project: EntityTypeName,
    site: EntityTypeName,
    action: EntityTypeName,
}

/// What keeps facts from being put to Cedar: the schema and this file differ.
pub(crate) type Mismatch = String;

pub(crate) fn text(error: impl std::fmt::Display) -> Mismatch {
    error.to_string()
}

impl Types {
    pub(crate) fn new() -> Result<Self, Mismatch> {
        let named = |name: &str| name.parse::<EntityTypeName>().map_err(text);
        Ok(Self {
            person: named("Person")?,
            service: named("Service")?,
            dataset: named("Dataset")?,
            object: named("Object")?,
            run: named("Run")?,
            project: named("Project")?,
            site: named("Site")?,
            action: named("Action")?,
        })
    }

    /// The request, and the entities that it names. An action's has what it is in.
    ///
    /// # Errors
    /// If they do not fit the schema.
    pub(crate) fn request(
        &self,
        facts: &Facts,
        schema: &Schema,
        actions: &Entities,
    ) -> Result<(Request, Entities), Mismatch> {
        let person = uid(&self.person, &facts.principal.person().name);
        let mut entities = vec![person_entity(person.clone(), facts.principal.person())?];
        let principal = match &facts.principal {
            Principal::Person(..) => person.clone(),
            Principal::Service { name, delegation, .. } => {
                let service = uid(&self.service, name);
                entities.push(service_entity(service.clone(), delegation, facts)?);
                service
            }
        };
        let resource = self.resource(facts);
        entities.push(Entity::new_no_attrs(resource.clone(), self.above(facts)));
        let action = self.action(facts.action);
        entities.extend(actions.get(&action).cloned());
        let context = Context::from_pairs(self.context(facts, person)).map_err(text)?;
        // Whatever the facts are, this file gives them the same names and types. That these fit the schema is a matter for
        // the tests, and would cost each decision a fifth of its time; a policy that met others could not be evaluated,
        // which refuses.
        let schema = cfg!(debug_assertions).then_some(schema);
        let request = Request::new(principal, action, resource, context, schema).map_err(text)?;
        Ok((request, Entities::from_entities(entities, None).map_err(text)?))
    }

    /// An action as policies name it.
    pub(crate) fn action(&self, action: Action) -> EntityUid {
        uid(&self.action, action.name())
    }

    fn resource(&self, facts: &Facts) -> EntityUid {
        match &facts.resource {
            Resource::Dataset(name) => uid(&self.dataset, name.as_str()),
            Resource::Object(address) => uid(&self.object, address),
            Resource::Run(run) => uid(&self.run, run),
            Resource::Project(name) => uid(&self.project, name.as_str()),
            Resource::Site(name) => uid(&self.site, name),
        }
    }

    /// What the resource is in.
    fn above(&self, facts: &Facts) -> HashSet<EntityUid> {
        let datasets = || facts.datasets.iter().map(|set| uid(&self.dataset, set.name.as_str()));
        let project = facts.project.iter().map(|project| uid(&self.project, project.name.as_str()));
        match &facts.resource {
            Resource::Object(_) => datasets().collect(),
            Resource::Run(_) => datasets().chain(project).collect(),
            Resource::Dataset(_) | Resource::Project(_) | Resource::Site(_) => HashSet::new(),
        }
    }

    fn context(&self, facts: &Facts, person: EntityUid) -> Vec<(String, Value)> {
        let known = facts.principal.person();
        let institution = record([
            ("trusted", Value::new_bool(known.institution.trusted)),
            ("suspended", Value::new_bool(known.institution.suspended)),
        ]);
        let login = match &facts.principal {
            Principal::Person(_, login) => *login,
            // A program does not log in: no policy may take it for one who did.
            Principal::Service { .. } => crate::Login { multi_factor: false, age_minutes: None },
        };
        let age = login.age_minutes.map(|minutes| ("ageMinutes", Value::new_long(i64::from(minutes))));
        let login = record([("multiFactor", Value::new_bool(login.multi_factor))].into_iter().chain(age));
        let named = |name: &String| Value::new_entity_uid(uid(&self.person, name));
        let always = [
            ("person", Value::new_entity_uid(person)),
            ("login", login),
            ("institution", institution),
            ("training", record(known.training_until.map(|day| ("until", date(day))))),
            ("visas", record([("missing", strings(known.missing_visas.iter().map(String::as_str)))])),
            ("personalSite", Value::new_bool(facts.personal_site)),
            ("today", date(facts.today())),
            ("time", time(facts.asked)),
            ("place", place(&facts.place, &facts.allowed_places)),
            ("project", project(facts.project.as_ref())),
            ("data", data::context(facts)),
        ];
        let source = facts
            .source
            .as_ref()
            .map(|source| record([("host", string(&source.name)), ("allowed", Value::new_bool(source.allowed))]));
        let sometimes = [
            ("network", facts.network.as_deref().map(string)),
            ("execution", facts.execution.as_ref().map(execution)),
            ("source", source),
            ("askedBy", facts.asked_by.as_ref().map(named)),
            ("approvedBy", facts.approved_by.as_ref().map(named)),
            ("aggregate", facts.aggregate.map(aggregate)),
        ];
        let sometimes = sometimes.into_iter().filter_map(|(name, value)| Some((name, value?)));
        always.into_iter().chain(sometimes).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

fn uid(kind: &EntityTypeName, name: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(name))
}

fn string(text: &str) -> Value {
    Value::new_string(text.to_owned())
}

fn strings<'a>(texts: impl IntoIterator<Item = &'a str>) -> Value {
    Value::new_set(texts.into_iter().map(string))
}

/// A record. Its names come from this file and differ, so that it can always be made; should two be the same, the empty
/// record does not fit the schema and the request is refused.
fn record(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let fields: Vec<_> = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Value::new_record(fields).unwrap_or_else(|_| Value::new_set([]))
}

/// A day as a number that reads YEARMONTHDAY.
fn date(day: Date) -> Value {
    Value::new_long(i64::from(day.year()) * 10_000 + i64::from(day.month()) * 100 + i64::from(day.day()))
}

/// The time of day as a number that reads HOURMINUTE.
fn time(at: Timestamp) -> Value {
    let at = Offset::UTC.to_datetime(at);
    Value::new_long(i64::from(at.hour()) * 100 + i64::from(at.minute()))
}

fn person_entity(uid: EntityUid, person: &Person) -> Result<Entity, Mismatch> {
    let attributes = HashMap::from([
        ("declared".to_owned(), Value::new_bool(person.declared)),
        ("verified".to_owned(), Value::new_bool(person.verified)),
        ("institution".to_owned(), string(&person.institution.name)),
        ("roles".to_owned(), strings(person.roles.iter().map(String::as_str))),
    ]);
    Entity::new(uid, attributes, HashSet::new()).map_err(text)
}

fn service_entity(uid: EntityUid, delegation: &Delegation, facts: &Facts) -> Result<Entity, Mismatch> {
    let seconds = delegation.until.as_second().saturating_sub(facts.now.as_second());
    let delegation = record([
        // What is left of a minute counts as one.
        ("minutesLeft", Value::new_long(seconds.div_euclid(60) + i64::from(seconds.rem_euclid(60) > 0))),
        ("revoked", Value::new_bool(delegation.revoked)),
        ("coversAction", Value::new_bool(delegation.actions.contains(&facts.action))),
    ]);
    Entity::new(uid, HashMap::from([("delegation".to_owned(), delegation)]), HashSet::new()).map_err(text)
}

fn place(place: &Place, allowed: &[String]) -> Value {
    let country = place.country().map(|country| ("country", string(country.code())));
    let always = [
        ("code", string(place.code())),
        ("inEu", Value::new_bool(place.is_in_eu())),
        ("allowed", strings(allowed.iter().map(String::as_str))),
    ];
    record(always.into_iter().chain(country))
}

fn execution(execution: &Execution) -> Value {
    record([
        ("executor", string(&execution.executor)),
        ("executorAllowed", Value::new_bool(execution.executor_allowed)),
        ("onSite", Value::new_bool(execution.on_site)),
        ("confidential", Value::new_bool(execution.confidential)),
        ("toolNetwork", Value::new_bool(execution.tool_network)),
        ("toolNetworkAllowed", Value::new_bool(execution.tool_network_allowed)),
    ])
}

fn aggregate(aggregate: Aggregate) -> Value {
    let long = |number: u64| Value::new_long(i64::try_from(number).unwrap_or(i64::MAX));
    record([
        ("subjects", long(aggregate.subjects.into())),
        ("atLeast", long(aggregate.at_least.into())),
        ("bytes", long(aggregate.bytes)),
        ("atMost", long(aggregate.at_most)),
    ])
}

fn project(project: Option<&ProjectFacts>) -> Value {
    let declared = project.filter(|project| project.declared);
    record([
        ("name", string(project.map_or("", |project| project.name.as_str()))),
        ("declared", Value::new_bool(declared.is_some())),
        ("member", Value::new_bool(declared.is_some_and(|project| project.member))),
        ("purpose", string(declared.map_or("", |project| &project.purpose))),
        ("from", declared.map_or_else(|| Value::new_long(0), |project| date(project.from))),
        ("until", declared.map_or_else(|| Value::new_long(0), |project| date(project.until))),
    ])
}
