//! The registry: institutions, people, projects and datasets, as a data steward declares them in YAML.
//!
//! `docs/registry.md` lays the format down. It is read strictly: an unknown field, a dataset or member that is declared
//! nowhere, and the whole of it is refused. Then the last state that was valid stays in force.

mod datasets;
mod folder;
mod history;
mod institutions;
mod people;
mod projects;
mod withdrawals;

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Display,
    path::Path,
    str::FromStr,
};

use jiff::civil::Date;
use sluis_model::{DatasetName, Labels, ProjectName, SubjectName};
use sluis_yaml::{Diagnostics, Fields, Node, Span};

pub use datasets::{Consent, DataClass, DataKind, Dataset, Network, SubjectConsent};
pub(crate) use folder::RegistryFolder;
pub use folder::RegistryInForce;
pub(crate) use institutions::network_name;
pub use institutions::{Institution, Trust};
pub use people::{Person, Role, Training};
pub(crate) use people::{SELF_ISSUED, last_day_of_a_year_from};
pub use projects::{AggregateRule, AllowedOutput, Project};

/// The file of datasets.
const DATASETS: &str = "datasets.yaml";

/// The file of institutions, which a personal site does without.
const INSTITUTIONS: &str = "institutions.yaml";

/// The file of consents that were taken back, which is made with the first one.
const WITHDRAWALS: &str = "withdrawals.yaml";

const FILES: [&str; 5] = ["people.yaml", "projects.yaml", DATASETS, INSTITUTIONS, WITHDRAWALS];

/// The files that need not be there.
const OPTIONAL: [&str; 2] = [INSTITUTIONS, WITHDRAWALS];

/// What the registry declares.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Registry {
    /// Institutions by name.
    pub institutions: BTreeMap<String, Institution>,
    /// Persons by name.
    pub people: BTreeMap<String, Person>,
    /// Approved projects by name.
    pub projects: BTreeMap<ProjectName, Project>,
    /// Datasets by name.
    pub datasets: BTreeMap<DatasetName, Dataset>,
    /// The BLAKE3 hash of the files, as the audit log names this state of the registry.
    pub digest: String,
    /// The names of people by issuer and subject.
    names: HashMap<(String, String), String>,
    /// The datasets that list a subject.
    listings: HashMap<SubjectName, Vec<DatasetName>>,
}

/// One of the registry's files.
struct FileText {
    name: &'static str,
    text: String,
}

impl Registry {
    /// The class of what was made from data with these labels: public only if all of it is.
    pub fn class_of(&self, labels: &Labels) -> DataClass {
        let is_public = |name| self.datasets.get(name).is_some_and(|dataset| dataset.class == DataClass::Public);
        let of_nobody = labels.subjects.is_empty() && !labels.datasets.is_empty();
        if of_nobody && labels.datasets.iter().all(is_public) { DataClass::Public } else { DataClass::Controlled }
    }

    /// The labels, with the subject in the place of each sample that one of their datasets lists.
    pub fn with_subjects_of_samples(&self, labels: &Labels) -> Labels {
        let listed = || labels.datasets.iter().filter_map(|name| self.datasets.get(name));
        let subject_of = |name: &SubjectName| listed().fold(name.clone(), |name, dataset| dataset.subject_of(&name));
        Labels { subjects: labels.subjects.iter().map(subject_of).collect(), ..labels.clone() }
    }

    /// The name of the person whom an issuer knows by a subject.
    pub fn person_of(&self, issuer: &str, subject: &str) -> Option<&str> {
        self.names.get(&(issuer.to_owned(), subject.to_owned())).map(String::as_str)
    }

    /// The datasets that list a subject, each with what it says of their consent.
    pub fn datasets_of(&self, subject: &SubjectName) -> impl Iterator<Item = (&DatasetName, &SubjectConsent)> {
        let names = self.listings.get(subject).into_iter().flatten();
        let subject = subject.clone();
        names.filter_map(move |name| Some((name, self.datasets.get(name)?.subjects.get(&subject)?)))
    }

    /// Reads the registry in a folder, and checks it as a whole.
    ///
    /// # Errors
    /// Every problem of it, with its place.
    pub fn check(folder: &Path) -> Result<Self, Diagnostics> {
        Self::read(folder).map(|(registry, _)| registry)
    }

    /// The registry in a folder, with the texts of its files.
    fn read(folder: &Path) -> Result<(Self, Vec<FileText>), Diagnostics> {
        let mut problems = Diagnostics::default();
        let mut files = Vec::new();
        let nodes = FILES.map(|name| {
            let path = folder.join(name);
            if OPTIONAL.contains(&name) && !path.exists() {
                return None;
            }
            let node = sluis_yaml::read(&path, &mut problems);
            let text = problems.source(&path.display().to_string()).map(str::to_owned);
            files.extend(text.map(|text| FileText { name, text }));
            node
        });
        let [people, projects, datasets, institutions, withdrawals] = &nodes;
        let texts = files.iter().map(|FileText { name, text }| (*name, text.as_bytes()));
        let mut registry = Self { digest: digest(texts), ..Self::default() };
        if institutions.is_some() {
            registry.institutions =
                entries(institutions.as_ref(), "institutions", &mut problems, institutions::read_institution);
        }
        registry.people = entries(people.as_ref(), "people", &mut problems, |node, problems| {
            let person = people::read_person(node, problems)?;
            check_institution(&person, node, &registry.institutions, problems);
            Some(person)
        });
        registry.datasets = entries(datasets.as_ref(), "datasets", &mut problems, |node, problems| {
            let dataset = datasets::read_dataset(node, problems)?;
            check_networks(&dataset, node, &registry.institutions, problems);
            Some(dataset)
        });
        let (known_people, known_datasets) = (&registry.people, &registry.datasets);
        let is_readable = people.is_some() && datasets.is_some();
        registry.projects = entries(projects.as_ref(), "projects", &mut problems, |node, problems| {
            let project = projects::read_project(node, problems)?;
            if is_readable {
                check_project(&project, node, known_people, known_datasets, problems);
            }
            Some(project)
        });
        registry.note_names(people.as_ref(), &mut problems);
        registry.note_listings();
        if withdrawals.is_some() {
            let known = entries(withdrawals.as_ref(), "withdrawals", &mut problems, withdrawals::read_withdrawal);
            registry.withdraw(&known);
        }
        if problems.has_errors() { Err(problems) } else { Ok((registry, files)) }
    }

    /// Notes by what names issuers know people. No two people may be the same one.
    fn note_names(&mut self, file: Option<&Node>, problems: &mut Diagnostics) {
        for (name, person) in &self.people {
            let Some(subject) = person.subject.clone().filter(|_| !person.is_self_issued()) else { continue };
            if let Some(other) = self.names.insert((person.issuer.clone(), subject), name.clone()) {
                let place = file.and_then(|file| file.get("people")?.get(name)).or(file);
                let message = format!("`{name}` and `{other}` are the same person: one issuer and subject");
                place.into_iter().for_each(|place| problems.error(&place.span, message.clone()));
            }
        }
    }

    /// Takes consents back in every dataset that lists the subject.
    fn withdraw(&mut self, known: &withdrawals::Withdrawals) {
        for (subject, withdrawal) in known.iter().filter(|(_, withdrawal)| withdrawal.given_again.is_none()) {
            let listed = self.datasets.values_mut().filter_map(|dataset| dataset.subjects.get_mut(subject));
            for consent in listed {
                (consent.consent, consent.consent_date) = (Consent::Withdrawn, Some(withdrawal.date));
            }
        }
    }

    fn note_listings(&mut self) {
        for (name, dataset) in &self.datasets {
            for subject in dataset.subjects.keys() {
                self.listings.entry(subject.clone()).or_default().push(name.clone());
            }
        }
    }
}

fn digest<'a>(files: impl IntoIterator<Item = (&'static str, &'a [u8])>) -> String {
    let mut hasher = blake3::Hasher::new();
    for (name, text) in files {
        hasher.update(name.as_bytes()).update(b"\0").update(&(text.len() as u64).to_le_bytes()).update(text);
    }
    hasher.finalize().to_hex().to_string()
}

/// Reads the one field of a file: a mapping from names to what they name.
fn entries<K: FromStr<Err: Display> + Ord, V>(
    root: Option<&Node>,
    field: &'static str,
    problems: &mut Diagnostics,
    mut read: impl FnMut(&Node, &mut Diagnostics) -> Option<V>,
) -> BTreeMap<K, V> {
    let mut found = BTreeMap::new();
    let Some(fields) = root.and_then(|root| Fields::of(root, "the file", problems)) else { return found };
    fields.check_known(&[field], problems);
    if fields.require(field, problems).is_none() {
        return found;
    }
    let Some(mapping) = fields.mapping(field, problems) else { return found };
    for (name, entry) in mapping {
        match name.parse() {
            Ok(name) => {
                if let Some(value) = read(&entry.node, problems) {
                    found.insert(name, value);
                }
            }
            Err(error) => problems.error(&entry.key, error.to_string()),
        }
    }
    found
}

/// The items of a list, each a text that names something.
fn names<T: FromStr<Err: Display>>(items: &[Node], what: &str, problems: &mut Diagnostics) -> Vec<T> {
    let mut found = Vec::new();
    for item in items {
        match item.as_str().map(str::parse) {
            Some(Ok(name)) => found.push(name),
            Some(Err(error)) => problems.error(&item.span, T::Err::to_string(&error)),
            None => problems.error(&item.span, format!("{what} is named by a text, this is {}", item.kind())),
        }
    }
    found
}

/// Reports an institution that is declared nowhere.
fn check_institution(person: &Person, node: &Node, known: &BTreeMap<String, Institution>, problems: &mut Diagnostics) {
    if let Some(name) = person.institution.as_ref().filter(|name| !known.contains_key(*name)) {
        let place = node.get("institution").unwrap_or(node);
        problems.error(&place.span, format!("the institution `{name}` is not declared in {INSTITUTIONS}"));
    }
}

/// Reports networks that are declared nowhere.
fn check_networks(dataset: &Dataset, node: &Node, known: &BTreeMap<String, Institution>, problems: &mut Diagnostics) {
    let Network::Named(names) = &dataset.network else { return };
    for (index, name) in names.iter().enumerate() {
        let is_known = |(institution, facts): (&String, &Institution)| {
            facts.networks.keys().any(|network| network_name(network, institution) == *name)
        };
        if !known.iter().any(is_known) {
            let item = node.get("networks").and_then(Node::as_sequence).and_then(|items| items.get(index));
            let message =
                format!("the network `{name}` is not declared in {INSTITUTIONS}; name one as campus of maxima");
            problems.error(&item.unwrap_or(node).span, message);
        }
    }
}

/// Reports members and datasets that are declared nowhere.
fn check_project(
    project: &Project,
    node: &Node,
    people: &BTreeMap<String, Person>,
    datasets: &BTreeMap<DatasetName, Dataset>,
    problems: &mut Diagnostics,
) {
    let place = |list: &str, index: usize| -> Span {
        let item = node.get(list).and_then(Node::as_sequence).and_then(|items| items.get(index));
        item.unwrap_or(node).span.clone()
    };
    for (index, member) in project.members.iter().enumerate() {
        match people.get(member) {
            None => {
                let message = format!("the member `{member}` is not declared in people.yaml");
                problems.error(&place("members", index), message);
            }
            Some(person) if !person.is_self_issued() && project.approval.is_none() => {
                let message = "a project with members of institutions needs `approval`, the committee's reference";
                problems.error(&node.span, message.to_owned());
                break;
            }
            Some(_) => {}
        }
    }
    for (index, dataset) in project.datasets.iter().enumerate() {
        if !datasets.contains_key(dataset) {
            let message = format!("the dataset `{dataset}` is not declared in datasets.yaml");
            problems.error(&place("datasets", index), message);
        }
    }
}

/// The files of a personal site's registry.
pub(crate) fn personal(today: Date) -> [(&'static str, String); 3] {
    let until = today.checked_add(jiff::Span::new().years(10)).unwrap_or(Date::MAX);
    let people = "# Who works with this site. On a personal site there is one person, whose identity nobody else\n\
                  # vouches for: `issuer: self` marks that.\n\
                  people:\n  self:\n    issuer: self\n";
    let projects = format!(
        "# Approved projects: what for, by whom, with which datasets, how long.\n\
         projects:\n  personal:\n    purpose: research\n    members: [self]\n    datasets: [personal]\n    \
         from: \"{today}\"\n    until: \"{until}\"\n"
    );
    let datasets = format!(
        "# Datasets, and whether those whom they concern agreed to their use in research:\n\
         # consent is given, withdrawn or unknown.\n\
         datasets:\n  \
         # The person who runs this site gives the consent for their own test data, and for nobody else's.\n  \
         personal:\n    description: Test data of the person who runs this site.\n    class: controlled\n    \
         consent: given\n    consent-date: \"{today}\"\n"
    );
    [("people.yaml", people.to_owned()), ("projects.yaml", projects), (DATASETS, datasets)]
}
