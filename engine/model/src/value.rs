//! The values that flow between steps (CWL v1.2, Data model).

use indexmap::IndexMap;

use crate::Address;

/// Values by name: an input object, an output object, the fields of a record.
pub type Values = IndexMap<String, Value>;

/// One CWL value.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Value {
    /// No value.
    #[default]
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// `int` or `long`.
    Integer(i64),
    /// `float` or `double`.
    Float(f64),
    /// `string`, or the symbol of an enum.
    String(String),
    /// A file.
    File(Box<File>),
    /// A directory.
    Directory(Box<Directory>),
    /// An array.
    Array(Vec<Value>),
    /// A record.
    Record(Values),
}

/// Where the content of a file is.
#[derive(Clone, PartialEq, Debug)]
pub enum Location {
    /// Sealed in the store.
    Object(Address),
    /// A path on this machine: an input not yet taken in, or an output not yet sealed.
    Path(std::path::PathBuf),
    /// On the web: an input not yet taken in, by its http or https address.
    Remote(String),
    /// In the value itself (a file literal, CWL v1.2, File, `contents`).
    Literal(String),
}

/// A file (CWL v1.2, File).
#[derive(Clone, PartialEq, Debug)]
pub struct File {
    /// Where the content is.
    pub location: Location,
    /// The name without any folder.
    pub basename: String,
    /// The path at which the running tool finds it; set when the task is bound.
    pub path: Option<String>,
    /// Bytes, where known.
    pub size: Option<u64>,
    /// The format's IRI.
    pub format: Option<String>,
    /// The first 64 KiB as text, where `loadContents` asked for it.
    pub contents: Option<String>,
    /// Files and directories that travel with it, staged beside it.
    pub secondary_files: Vec<Entry>,
}

impl File {
    /// A file of which only name and content are known.
    pub fn new(basename: impl Into<String>, location: Location) -> Self {
        Self {
            location,
            basename: basename.into(),
            path: None,
            size: None,
            format: None,
            contents: None,
            secondary_files: Vec::new(),
        }
    }

    /// The basename up to its last dot (`nameroot`); a leading dot does not count.
    pub fn nameroot(&self) -> &str {
        self.split_basename().0
    }

    /// The last dot of the basename and what follows (`nameext`); empty if there is none.
    pub fn nameext(&self) -> &str {
        self.split_basename().1
    }

    fn split_basename(&self) -> (&str, &str) {
        match self.basename.rfind('.') {
            Some(dot) if dot > 0 => self.basename.split_at(dot),
            _ => (&self.basename, ""),
        }
    }
}

/// A directory (CWL v1.2, Directory).
#[derive(Clone, PartialEq, Debug)]
pub struct Directory {
    /// A folder on this machine that was not read yet; `None` when `listing` says all.
    pub source: Option<std::path::PathBuf>,
    /// The name without any folder.
    pub basename: String,
    /// The path at which the running tool finds it; set when the task is bound.
    pub path: Option<String>,
    /// What is in it. Whole and deep for every directory whose `source` is `None`.
    pub listing: Vec<Entry>,
    /// Whether and how deep an expression or a job file sees `listing` (CWL v1.2, LoadListingRequirement).
    pub visible_depth: ListingDepth,
}

/// How much of a directory's listing expressions see.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ListingDepth {
    /// `no_listing`
    #[default]
    None,
    /// `shallow_listing`
    Shallow,
    /// `deep_listing`
    Deep,
}

/// A file or a directory: what a listing holds.
#[derive(Clone, PartialEq, Debug)]
pub enum Entry {
    /// A file.
    File(File),
    /// A directory.
    Directory(Directory),
}

impl Entry {
    /// The name without any folder.
    pub fn basename(&self) -> &str {
        match self {
            Self::File(file) => &file.basename,
            Self::Directory(directory) => &directory.basename,
        }
    }
}

impl From<Entry> for Value {
    fn from(entry: Entry) -> Self {
        match entry {
            Entry::File(file) => Self::File(Box::new(file)),
            Entry::Directory(directory) => Self::Directory(Box::new(directory)),
        }
    }
}

impl Value {
    /// Whether there is no value.
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Calls `visit` for every file in the value, secondary files and listings included.
    pub fn visit_files<E>(&self, visit: &mut impl FnMut(&File) -> Result<(), E>) -> Result<(), E> {
        match self {
            Self::File(file) => visit_file(file, visit),
            Self::Directory(directory) => visit_entries(&directory.listing, visit),
            Self::Array(items) => items.iter().try_for_each(|item| item.visit_files(visit)),
            Self::Record(fields) => fields.values().try_for_each(|field| field.visit_files(visit)),
            _ => Ok(()),
        }
    }

    /// Calls `change` for every file in the value, secondary files and listings included.
    pub fn visit_files_mut<E>(&mut self, change: &mut impl FnMut(&mut File) -> Result<(), E>) -> Result<(), E> {
        match self {
            Self::File(file) => visit_file_mut(file, change),
            Self::Directory(directory) => visit_entries_mut(&mut directory.listing, change),
            Self::Array(items) => items.iter_mut().try_for_each(|item| item.visit_files_mut(change)),
            Self::Record(fields) => fields.values_mut().try_for_each(|field| field.visit_files_mut(change)),
            _ => Ok(()),
        }
    }
}

fn visit_file<E>(file: &File, visit: &mut impl FnMut(&File) -> Result<(), E>) -> Result<(), E> {
    visit(file)?;
    visit_entries(&file.secondary_files, visit)
}

fn visit_entries<E>(entries: &[Entry], visit: &mut impl FnMut(&File) -> Result<(), E>) -> Result<(), E> {
    entries.iter().try_for_each(|entry| match entry {
        Entry::File(file) => visit_file(file, visit),
        Entry::Directory(directory) => visit_entries(&directory.listing, visit),
    })
}

fn visit_file_mut<E>(file: &mut File, change: &mut impl FnMut(&mut File) -> Result<(), E>) -> Result<(), E> {
    change(file)?;
    visit_entries_mut(&mut file.secondary_files, change)
}

fn visit_entries_mut<E>(entries: &mut [Entry], change: &mut impl FnMut(&mut File) -> Result<(), E>) -> Result<(), E> {
    entries.iter_mut().try_for_each(|entry| match entry {
        Entry::File(file) => visit_file_mut(file, change),
        Entry::Directory(directory) => visit_entries_mut(&mut directory.listing, change),
    })
}
