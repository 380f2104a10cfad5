//! The registry: people, projects and datasets, as a data steward declares them in YAML.
//!
//! `docs/registry.md` lays the format down. It is read strictly: an unknown field, a dataset or member that is declared
//! nowhere, and everything is refused until it is mended.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{Timestamp, civil::Date};
use sluis_model::{DatasetName, Labels, ProjectName, SubjectError, SubjectName};
use sluis_yaml::{Diagnostics, Fields, Node, Span};

use crate::{AccessError, config::parsed};

const FILES: [&str; 3] = ["people.yaml", "projects.yaml", "datasets.yaml"];

/// What the registry declares.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Registry {
    /// Persons by name.
    pub people: BTreeMap<String, Person>,
    /// Approved projects by name.
    pub projects: BTreeMap<ProjectName, Project>,
    /// Datasets by name.
    pub datasets: BTreeMap<DatasetName, Dataset>,
    /// The BLAKE3 hash of the files, as the audit log names this state of the registry.
    pub digest: String,
}

/// A person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// Who vouches for the identity; `self` on a personal site.
    pub issuer: String,
}

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
}

/// A dataset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dataset {
    /// What it is.
    pub description: String,
    /// How its data are kept.
    pub class: DataClass,
    /// Whether those whom it concerns agreed to its use in research.
    pub consent: Consent,
    /// Since when that is so.
    pub consent_date: Option<Date>,
    /// The consent of each subject, by pseudonym; the dataset's own holds for them as well.
    pub subjects: BTreeMap<SubjectName, SubjectConsent>,
}

/// What is known of one subject's consent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SubjectConsent {
    /// Whether the subject, and for a child its parents, agreed.
    pub consent: Consent,
    /// Since when that is so.
    pub consent_date: Option<Date>,
}

/// How data are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DataClass {
    /// Always sealed.
    #[default]
    Controlled,
    /// Of nobody: reference genomes and the like. Verified, but not sealed, and usable by every approved project.
    Public,
}

impl FromStr for DataClass {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "controlled" => Ok(Self::Controlled),
            "public" => Ok(Self::Public),
            _ => Err(format!("`{text}` is neither `controlled` nor `public`")),
        }
    }
}

/// The state of a dataset's consent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Consent {
    /// Given and not withdrawn.
    Given,
    /// Withdrawn.
    Withdrawn,
    /// Nobody recorded it.
    Unknown,
}

impl FromStr for Consent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "given" => Ok(Self::Given),
            "withdrawn" => Ok(Self::Withdrawn),
            "unknown" => Ok(Self::Unknown),
            _ => Err(format!("`{text}` is none of `given`, `withdrawn`, `unknown`")),
        }
    }
}

/// The registry's folder, read again whenever a file in it changed.
#[derive(Debug)]
pub(crate) struct RegistryFolder {
    folder: PathBuf,
    last: Mutex<Option<(Stamp, Arc<Registry>)>>,
}

/// Times of files are coarse: two changes within this many seconds may look like one.
const SETTLED: i64 = 2;

/// What tells one state of the files from another.
type Stamp = Vec<FileStamp>;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct FileStamp {
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds.
    changed: (i64, i64),
    modified: (i64, i64),
}

impl RegistryFolder {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, last: Mutex::default() }
    }

    /// The registry as its files say now.
    pub(crate) fn current(&self) -> Result<Arc<Registry>, AccessError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let now = Timestamp::now().as_second();
            let stamp = self.stamp()?;
            if let Some((known, registry)) = &*last
                && *known == stamp
            {
                return Ok(Arc::clone(registry));
            }
            *last = None;
            let registry = Registry::read(&self.folder).map(Arc::new).map_err(AccessError::Registry);
            if self.stamp()? != stamp {
                // It was changed while it was read: what was read may be half old and half new.
                continue;
            }
            let registry = registry?;
            let is_settled = |facts: &FileStamp| facts.changed.0.max(facts.modified.0) + SETTLED < now;
            if stamp.iter().all(is_settled) {
                *last = Some((stamp, Arc::clone(&registry)));
            }
            return Ok(registry);
        }
    }

    fn stamp(&self) -> Result<Stamp, AccessError> {
        let facts = |name: &&str| {
            let path = self.folder.join(name);
            let facts = fs::metadata(&path).map_err(AccessError::file(&path, "read"))?;
            Ok(FileStamp {
                inode: facts.ino(),
                size: facts.len(),
                changed: (facts.ctime(), facts.ctime_nsec()),
                modified: (facts.mtime(), facts.mtime_nsec()),
            })
        };
        FILES.iter().map(facts).collect()
    }
}

impl Registry {
    /// The class of what was made from data with these labels: public only if all of it is.
    pub fn class_of(&self, labels: &Labels) -> DataClass {
        let is_public = |name| self.datasets.get(name).is_some_and(|dataset| dataset.class == DataClass::Public);
        let of_nobody = labels.subjects.is_empty() && !labels.datasets.is_empty();
        if of_nobody && labels.datasets.iter().all(is_public) { DataClass::Public } else { DataClass::Controlled }
    }

    /// Reads the registry in a folder.
    ///
    /// # Errors
    /// Every problem of it, with its place.
    pub fn read(folder: &Path) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::default();
        let mut hasher = blake3::Hasher::new();
        let nodes = FILES.map(|name| {
            let path = folder.join(name);
            let node = sluis_yaml::read(&path, &mut problems);
            if let Some(text) = problems.source(&path.display().to_string()) {
                hasher.update(text.as_bytes()).update(b"\0");
            }
            node
        });
        let [people, projects, datasets] = &nodes;
        let mut registry = Self { digest: hasher.finalize().to_hex().to_string(), ..Self::default() };
        registry.people = entries(people.as_ref(), "people", &mut problems, read_person);
        registry.datasets = entries(datasets.as_ref(), "datasets", &mut problems, read_dataset);
        let (known_people, known_datasets) = (&registry.people, &registry.datasets);
        let is_readable = people.is_some() && datasets.is_some();
        registry.projects = entries(projects.as_ref(), "projects", &mut problems, |node, problems| {
            let project = read_project(node, problems)?;
            if is_readable {
                check_project(&project, node, known_people, known_datasets, problems);
            }
            Some(project)
        });
        if problems.has_errors() { Err(problems) } else { Ok(registry) }
    }
}

/// Reads the one field of a file: a mapping from names to what they name.
fn entries<K: FromStr + Ord, V>(
    root: Option<&Node>,
    field: &'static str,
    problems: &mut Diagnostics,
    mut read: impl FnMut(&Node, &mut Diagnostics) -> Option<V>,
) -> BTreeMap<K, V>
where
    K::Err: std::fmt::Display,
{
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

fn read_person(node: &Node, problems: &mut Diagnostics) -> Option<Person> {
    let fields = Fields::of(node, "a person", problems)?;
    fields.check_known(&["issuer"], problems);
    Some(Person { issuer: fields.required_string("issuer", problems)?.to_owned() })
}

fn read_dataset(node: &Node, problems: &mut Diagnostics) -> Option<Dataset> {
    let fields = Fields::of(node, "a dataset", problems)?;
    fields.check_known(&["description", "class", "consent", "consent-date", "subjects"], problems);
    let description = fields.required_string("description", problems);
    let class = fields.get("class").map_or(Some(DataClass::default()), |_| parsed(fields, "class", problems));
    if class == Some(DataClass::Public) {
        return read_public(fields, description, problems);
    }
    let consent = read_consent(fields, problems);
    let mut subjects = BTreeMap::new();
    for (name, entry) in fields.mapping("subjects", problems).into_iter().flatten() {
        let consent = Fields::of(&entry.node, "a subject", problems).and_then(|fields| {
            fields.check_known(&["consent", "consent-date"], problems);
            read_consent(fields, problems)
        });
        match name.parse() {
            Ok(name) => subjects.extend(consent.map(|consent| (name, consent))),
            Err(error) => problems.error(&entry.key, SubjectError::to_string(&error)),
        }
    }
    let SubjectConsent { consent, consent_date } = consent?;
    Some(Dataset { description: description?.to_owned(), class: class?, consent, consent_date, subjects })
}

/// Public data are of nobody, so nobody's consent is needed.
fn read_public(fields: Fields<'_>, description: Option<&str>, problems: &mut Diagnostics) -> Option<Dataset> {
    for field in ["consent", "consent-date", "subjects"] {
        if let Some(node) = fields.get(field) {
            let message = format!("a public dataset has no `{field}`: data of people are `controlled`");
            problems.error(&node.span, message);
        }
    }
    Some(Dataset {
        description: description?.to_owned(),
        class: DataClass::Public,
        consent: Consent::Given,
        consent_date: None,
        subjects: BTreeMap::new(),
    })
}

fn read_consent(fields: Fields<'_>, problems: &mut Diagnostics) -> Option<SubjectConsent> {
    let consent = parsed(fields, "consent", problems);
    let consent_date = fields.get("consent-date").map(|_| parsed(fields, "consent-date", problems));
    let consent_date = consent_date.map_or(Some(None), |date| date.map(Some));
    Some(SubjectConsent { consent: consent?, consent_date: consent_date? })
}

fn read_project(node: &Node, problems: &mut Diagnostics) -> Option<Project> {
    let fields = Fields::of(node, "a project", problems)?;
    fields.check_known(&["purpose", "members", "datasets", "from", "until"], problems);
    let purpose = fields.required_string("purpose", problems);
    let members = fields.strings("members", problems).into_iter().map(str::to_owned).collect();
    let mut datasets = Vec::new();
    for item in fields.list("datasets", problems) {
        match item.as_str().map(str::parse::<DatasetName>) {
            Some(Ok(name)) => datasets.push(name),
            Some(Err(error)) => problems.error(&item.span, error.to_string()),
            None => problems.error(&item.span, format!("a dataset is named by a text, this is {}", item.kind())),
        }
    }
    let from: Option<Date> = parsed(fields, "from", problems);
    let until = parsed(fields, "until", problems);
    let (from, until) = (from?, until?);
    if from > until {
        problems.error(fields.span(), format!("a project that runs from {from} cannot end on {until}"));
    }
    Some(Project { purpose: purpose?.to_owned(), members, datasets, from, until })
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
        if !people.contains_key(member) {
            let message = format!("the member `{member}` is not declared in people.yaml");
            problems.error(&place("members", index), message);
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
    [("people.yaml", people.to_owned()), ("projects.yaml", projects), ("datasets.yaml", datasets)]
}
