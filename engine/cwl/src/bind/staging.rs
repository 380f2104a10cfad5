//! Where files and directories stand while the command runs.

use std::collections::{BTreeMap, HashMap, btree_map};

use sluis_model::{Directory, Entry, File, INPUTS_ROOT, Location, StagedEntry, StagedSource, Value, Values, WORK_ROOT};

/// Why something cannot be put in place.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum StagingError {
    /// Two different things want the same place.
    #[error("two different files or directories want to be staged as `{0}`; rename one of them")]
    Conflict(String),
    /// A file or directory is neither an object of the store nor a literal.
    #[error("`{0}` is not an object of the store; only sealed files can be given to a task")]
    NotSealed(String),
    /// A name that leads out of the working directory.
    #[error(
        "`{0}` would be staged outside the working directory: without `..`, as an absolute path that is not sluis's \
         own, and with a DockerRequirement under `requirements` that is possible"
    )]
    Outside(String),
}

/// The name of a file literal that was given none.
const UNNAMED: &str = "literal";

/// The files and folders of one task, by target.
#[derive(Debug, Default)]
pub(super) struct Staging<'t> {
    image_is_required: bool,
    work_directory: Option<&'t str>,
    entries: BTreeMap<String, StagedEntry>,
}

/// New paths of input files and directories, by their old ones.
pub(super) type Moves = HashMap<String, String>;

/// Gives every file and directory among the inputs its path: `/sluis/in/N/basename`, with N counting the files and
/// directories that are not secondary to or listed in another one. Inputs are numbered in the order of `names`, fields
/// of records in the order of their names, so that the same inputs get the same paths whoever wrote the job file.
pub(crate) fn assign_paths<'n>(inputs: &mut Values, names: impl Iterator<Item = &'n str>) {
    let mut number = 0;
    for name in names {
        if let Some(value) = inputs.get_mut(name) {
            assign(value, &mut number);
        }
    }
}

fn assign(value: &mut Value, number: &mut u64) {
    match value {
        Value::File(file) => assign_file(file, &next_folder(number)),
        Value::Directory(directory) => assign_directory(directory, &next_folder(number)),
        Value::Array(items) => items.iter_mut().for_each(|item| assign(item, number)),
        Value::Record(fields) => {
            let mut fields: Vec<_> = fields.iter_mut().collect();
            fields.sort_by_key(|(name, _)| *name);
            fields.into_iter().for_each(|(_, field)| assign(field, number));
        }
        _ => {}
    }
}

fn next_folder(number: &mut u64) -> String {
    let folder = format!("{INPUTS_ROOT}/{number}");
    *number += 1;
    folder
}

fn assign_file(file: &mut File, folder: &str) {
    if file.basename.is_empty() {
        UNNAMED.clone_into(&mut file.basename);
    }
    file.path = Some(format!("{folder}/{}", file.basename));
    assign_entries(&mut file.secondary_files, folder);
}

fn assign_directory(directory: &mut Directory, folder: &str) {
    if directory.basename.is_empty() {
        UNNAMED.clone_into(&mut directory.basename);
    }
    let path = format!("{folder}/{}", directory.basename);
    assign_entries(&mut directory.listing, &path);
    directory.path = Some(path);
}

fn assign_entries(entries: &mut [Entry], folder: &str) {
    for entry in entries {
        match entry {
            Entry::File(file) => assign_file(file, folder),
            Entry::Directory(directory) => assign_directory(directory, folder),
        }
    }
}

/// Gives the moved files and directories among the inputs their new paths.
pub(super) fn move_paths(value: &mut Value, moves: &Moves) {
    match value {
        Value::File(file) => move_file(file, moves),
        Value::Directory(directory) => move_directory(directory, moves),
        Value::Array(items) => items.iter_mut().for_each(|item| move_paths(item, moves)),
        Value::Record(fields) => fields.values_mut().for_each(|field| move_paths(field, moves)),
        _ => {}
    }
}

fn move_file(file: &mut File, moves: &Moves) {
    if let Some(target) = file.path.as_ref().and_then(|path| moves.get(path)) {
        file.path = Some(target.clone());
        file.basename = basename(target);
    }
    move_entries(&mut file.secondary_files, moves);
}

/// What a directory holds moves with the directory only: a copy of it elsewhere leaves the directory as it is.
fn move_directory(directory: &mut Directory, moves: &Moves) {
    if let Some(target) = directory.path.as_ref().and_then(|path| moves.get(path)) {
        directory.path = Some(target.clone());
        directory.basename = basename(target);
        move_entries(&mut directory.listing, moves);
    }
}

fn move_entries(entries: &mut [Entry], moves: &Moves) {
    for entry in entries {
        match entry {
            Entry::File(file) => move_file(file, moves),
            Entry::Directory(directory) => move_directory(directory, moves),
        }
    }
}

fn basename(path: &str) -> String {
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

impl<'t> Staging<'t> {
    /// Nothing yet, for a tool that can or cannot run without its image, and its `dockerOutputDirectory`.
    pub(super) fn new(image_is_required: bool, work_directory: Option<&'t str>) -> Self {
        Self { image_is_required, work_directory, entries: BTreeMap::new() }
    }

    /// Everything to put in place, parents before children.
    pub(super) fn into_entries(self) -> Vec<StagedEntry> {
        self.entries.into_values().collect()
    }

    /// Stages the inputs that still stand below the folder for inputs.
    pub(super) fn add_inputs(&mut self, value: &Value) -> Result<(), StagingError> {
        match value {
            Value::File(file) => self.add_input(file.path.as_deref(), |staging, path| {
                staging.add_file(file, path, false)?;
                staging.add_secondary_inputs(&file.secondary_files)
            }),
            Value::Directory(directory) => self.add_input(directory.path.as_deref(), |staging, path| {
                staging.add_directory(directory, path, false, &mut Moves::new())
            }),
            Value::Array(items) => items.iter().try_for_each(|item| self.add_inputs(item)),
            Value::Record(fields) => fields.values().try_for_each(|field| self.add_inputs(field)),
            _ => Ok(()),
        }
    }

    fn add_secondary_inputs(&mut self, entries: &[Entry]) -> Result<(), StagingError> {
        entries.iter().try_for_each(|entry| self.add_inputs(&entry.clone().into()))
    }

    fn add_input(
        &mut self,
        path: Option<&str>,
        add: impl FnOnce(&mut Self, &str) -> Result<(), StagingError>,
    ) -> Result<(), StagingError> {
        let Some(path) = path.filter(|path| path.starts_with(INPUTS_ROOT)) else { return Ok(()) };
        self.add_folders(path, INPUTS_ROOT)?;
        add(self, path)
    }

    /// The path of a name: relative to the working directory, or absolute where an image is required (CWL v1.2,
    /// Dirent, `entryname`).
    fn work_path(&self, name: &str) -> Result<String, StagingError> {
        let roots = [Some(WORK_ROOT), self.work_directory];
        let below = |root: &str| name.strip_prefix(root).filter(|rest| rest.starts_with('/'));
        let relative = roots.into_iter().flatten().find_map(below).map_or(name, |rest| rest.trim_start_matches('/'));
        let parts: Vec<_> = relative.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        let is_absolute = relative.starts_with('/');
        let is_own = is_absolute && parts.first() == Some(&"sluis");
        let is_refused = is_own || (is_absolute && !self.image_is_required);
        if is_refused || parts.is_empty() || parts.contains(&"..") || relative.contains('\0') {
            return Err(StagingError::Outside(name.to_owned()));
        }
        Ok(format!("{}/{}", if is_absolute { "" } else { WORK_ROOT }, parts.join("/")))
    }

    /// Stages an entry of the working directory under `name`, with its secondary files beside it; `moves` learns the
    /// new path of whatever had one.
    pub(super) fn add_to_work(
        &mut self,
        entry: &Entry,
        name: &str,
        writable: bool,
        moves: &mut Moves,
    ) -> Result<(), StagingError> {
        let target = self.work_path(name)?;
        if target.starts_with(WORK_ROOT) {
            self.add_folders(&target, WORK_ROOT)?;
        }
        self.add_entry(entry, &target, writable, moves)
    }

    fn add_entry(
        &mut self,
        entry: &Entry,
        target: &str,
        writable: bool,
        moves: &mut Moves,
    ) -> Result<(), StagingError> {
        match entry {
            Entry::File(file) => {
                note(moves, file.path.as_ref(), target);
                self.add_file(file, target, writable)?;
                let folder = target.rsplit_once('/').map_or(WORK_ROOT, |(folder, _)| folder).to_owned();
                self.add_children(&file.secondary_files, &folder, writable, moves)
            }
            Entry::Directory(directory) => self.add_directory(directory, target, writable, moves),
        }
    }

    fn add_directory(
        &mut self,
        directory: &Directory,
        target: &str,
        writable: bool,
        moves: &mut Moves,
    ) -> Result<(), StagingError> {
        if directory.source.is_some() {
            return Err(StagingError::NotSealed(directory.basename.clone()));
        }
        note(moves, directory.path.as_ref(), target);
        self.insert(target, StagedSource::Folder, writable)?;
        self.add_children(&directory.listing, target, writable, moves)
    }

    fn add_children(
        &mut self,
        entries: &[Entry],
        folder: &str,
        writable: bool,
        moves: &mut Moves,
    ) -> Result<(), StagingError> {
        entries.iter().try_for_each(|entry| {
            let name = if entry.basename().is_empty() { UNNAMED } else { entry.basename() };
            self.add_entry(entry, &format!("{folder}/{name}"), writable, moves)
        })
    }

    fn add_file(&mut self, file: &File, target: &str, writable: bool) -> Result<(), StagingError> {
        let source = match &file.location {
            Location::Object(address) => StagedSource::Object(*address),
            Location::Literal(text) => StagedSource::Literal(text.clone()),
            Location::Path(_) | Location::Remote(_) => return Err(StagingError::NotSealed(file.basename.clone())),
        };
        self.insert(target, source, writable)
    }

    /// The folders between a root and a target.
    fn add_folders(&mut self, target: &str, root: &str) -> Result<(), StagingError> {
        for (at, _) in target.match_indices('/').filter(|(at, _)| *at > root.len()) {
            self.insert(&target[..at], StagedSource::Folder, root == WORK_ROOT)?;
        }
        Ok(())
    }

    fn insert(&mut self, target: &str, source: StagedSource, writable: bool) -> Result<(), StagingError> {
        match self.entries.entry(target.to_owned()) {
            btree_map::Entry::Vacant(place) => {
                place.insert(StagedEntry { target: target.to_owned(), source, writable });
            }
            btree_map::Entry::Occupied(mut place) if place.get().source == source => {
                place.get_mut().writable |= writable;
            }
            btree_map::Entry::Occupied(_) => return Err(StagingError::Conflict(target.to_owned())),
        }
        Ok(())
    }
}

fn note(moves: &mut Moves, from: Option<&String>, target: &str) {
    if let Some(from) = from {
        moves.entry(from.clone()).or_insert_with(|| target.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use sluis_model::{Address, Directory, Entry, File, ListingDepth, Location, Value, Values};

    use super::{Moves, Staging, StagingError, assign_paths, move_paths};

    fn object(basename: &str, byte: u8) -> File {
        File::new(basename, Location::Object(Address::from_bytes([byte; 32])))
    }

    fn inputs() -> Values {
        let mut reads = object("a.bam", 1);
        reads.secondary_files = vec![Entry::File(object("a.bai", 2))];
        let folder = Directory {
            source: None,
            basename: "d".to_owned(),
            path: None,
            listing: vec![Entry::File(object("x", 3))],
            visible_depth: ListingDepth::None,
        };
        let pair = Value::Array(vec![Value::File(Box::new(reads)), Value::Directory(Box::new(folder))]);
        Values::from([("pair".to_owned(), pair), ("first".to_owned(), Value::File(Box::new(object("f", 4))))])
    }

    fn staged() -> Values {
        let mut inputs = inputs();
        assign_paths(&mut inputs, ["first", "pair", "absent"].into_iter());
        inputs
    }

    fn targets(staging: Staging<'_>) -> Vec<String> {
        staging.into_entries().into_iter().map(|entry| entry.target).collect()
    }

    #[test]
    fn inputs_get_numbered_folders_in_declared_order() {
        let mut staging = Staging::default();
        staged().values().try_for_each(|value| staging.add_inputs(value)).unwrap();
        let expected = [
            "/sluis/in/0",
            "/sluis/in/0/f",
            "/sluis/in/1",
            "/sluis/in/1/a.bai",
            "/sluis/in/1/a.bam",
            "/sluis/in/2",
            "/sluis/in/2/d",
            "/sluis/in/2/d/x",
        ];
        assert_eq!(targets(staging), expected);
    }

    #[test]
    fn an_input_staged_into_the_working_directory_moves_with_its_secondary_files() {
        let mut inputs = staged();
        let Value::Array(pair) = &inputs["pair"] else { panic!() };
        let Value::File(reads) = pair[0].clone() else { panic!() };
        let (mut staging, mut moves) = (Staging::default(), Moves::new());
        staging.add_to_work(&Entry::File(*reads), "sub/r.bam", true, &mut moves).unwrap();
        inputs.values_mut().for_each(|value| move_paths(value, &moves));
        inputs.values().try_for_each(|value| staging.add_inputs(value)).unwrap();
        let Value::Array(pair) = &inputs["pair"] else { panic!() };
        let Value::File(reads) = &pair[0] else { panic!() };
        assert_eq!(reads.path.as_deref(), Some("/sluis/work/sub/r.bam"));
        let targets = targets(staging);
        assert!(targets.iter().all(|target| !target.starts_with("/sluis/in/1")));
        assert_eq!(
            &targets[targets.len() - 3..],
            ["/sluis/work/sub", "/sluis/work/sub/a.bai", "/sluis/work/sub/r.bam"]
        );
    }

    #[test]
    fn what_cannot_be_staged_is_refused() {
        let mut staging = Staging::default();
        for name in ["../x", "/etc/passwd", "a/../../x", "", ".", "/sluis/workshop"] {
            let result = staging.add_to_work(&Entry::File(object("x", 1)), name, false, &mut Moves::new());
            assert!(matches!(result, Err(StagingError::Outside(_))), "{name}");
        }
        let mut add = |file: File| staging.add_to_work(&Entry::File(file), "x", false, &mut Moves::new());
        add(object("x", 1)).unwrap();
        add(object("x", 1)).unwrap();
        assert!(matches!(add(object("x", 2)), Err(StagingError::Conflict(_))));
        assert!(matches!(add(File::new("y", Location::Path("/y".into()))), Err(StagingError::NotSealed(_))));
    }
}
