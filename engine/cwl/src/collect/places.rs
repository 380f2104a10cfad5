//! What a path means after the command has run: symbolic links are followed by the same rules wherever it ran, and
//! nothing but the working directory and the staged inputs can be reached.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, VecDeque},
    fs, io,
    path::{Path, PathBuf},
};

use sluis_model::{Address, INPUTS_ROOT, Location, StagedEntry, StagedSource, TEMPORARY_ROOT, WORK_ROOT};

/// Why a path cannot be collected.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// It leads out of the working directory, to something that is no staged input.
    #[error("`{0}` is outside the working directory; a tool must leave its outputs inside")]
    Outside(String),
    /// Too many symbolic links, or a loop of them.
    #[error("`{0}` goes through too many symbolic links")]
    Links(String),
    /// A name that is not UTF-8.
    #[error("a name in `{0}` is not valid UTF-8")]
    Name(String),
    /// Neither file nor directory.
    #[error("`{0}` is neither a file nor a directory")]
    Kind(String),
    /// It is not there.
    #[error("`{0}` does not exist")]
    Missing(String),
    /// The operating system would not read it.
    #[error("cannot read `{path}`")]
    Io {
        /// Which path, as the tool saw it.
        path: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

/// As many links as Linux follows.
const MOST_LINKS: usize = 40;

/// The place at which a path ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// In the working directory: its canonical path there.
    Work(String),
    /// A staged input: its canonical path.
    Input(String),
}

/// The working directory of a task that has ended, and what was staged for it.
pub(super) struct Places<'a> {
    work: PathBuf,
    inputs: PathBuf,
    /// Folders of this machine with the roots that they stand for.
    hosts: Vec<(PathBuf, &'static str)>,
    /// The same by their real paths, which are looked for once a path asks for it: few do, and each costs the system a
    /// walk.
    real_hosts: OnceCell<Vec<(PathBuf, &'static str)>>,
    staged: BTreeMap<&'a str, &'a StagedEntry>,
}

impl<'a> Places<'a> {
    /// `work` is the working directory on this machine. A tool that ran without a container saw its inputs in the
    /// folder `in` and its temporary files in the folder `tmp` beside it.
    pub(super) fn new(work: &Path, work_directory: Option<&str>, staged: &'a [StagedEntry]) -> Self {
        let beside = |name| work.parent().unwrap_or(work).join(name);
        let mut hosts =
            vec![(work.to_owned(), WORK_ROOT), (beside("in"), INPUTS_ROOT), (beside("tmp"), TEMPORARY_ROOT)];
        hosts.extend(work_directory.map(|path| (path.into(), WORK_ROOT)));
        Self {
            work: work.to_owned(),
            inputs: beside("in"),
            hosts,
            real_hosts: OnceCell::new(),
            staged: staged.iter().map(|entry| (entry.target.as_str(), entry)).collect(),
        }
    }

    /// What was staged at a canonical path.
    pub(super) fn staged(&self, path: &str) -> Option<&'a StagedEntry> {
        self.staged.get(path).copied()
    }

    /// Whether an object was staged anywhere.
    pub(super) fn has_object(&self, address: &Address) -> bool {
        self.staged.values().any(|entry| entry.source == StagedSource::Object(*address))
    }

    /// The names in a staged folder, sorted.
    pub(super) fn input_children(&self, path: &str) -> Vec<String> {
        let prefix = format!("{path}/");
        let below = self.staged.keys().filter_map(|target| target.strip_prefix(&prefix));
        below.filter(|rest| !rest.contains('/')).map(str::to_owned).collect()
    }

    /// The path on this machine of a canonical path in the working directory or the folder for inputs.
    pub(super) fn on_host(&self, path: &str) -> PathBuf {
        let (folder, rest) = match path.strip_prefix(INPUTS_ROOT) {
            Some(rest) => (&self.inputs, rest),
            None => (&self.work, path.strip_prefix(WORK_ROOT).unwrap_or(path)),
        };
        folder.join(rest.trim_start_matches('/'))
    }

    /// A path as the tool may have written it, absolute or relative to the working directory, as a canonical one.
    pub(super) fn canonical(&self, path: &str) -> String {
        if !path.starts_with('/') {
            return format!("{WORK_ROOT}/{path}");
        }
        let below = |hosts: &[(PathBuf, &str)]| {
            hosts.iter().find_map(|(host, root)| {
                let rest = Path::new(path).strip_prefix(host).ok()?.to_str()?;
                Some(format!("{root}/{rest}"))
            })
        };
        // A tool may have asked for the real path of its folders.
        let real_hosts = || {
            let real = |(host, root): &(PathBuf, _)| Some((fs::canonicalize(host).ok()?, *root));
            self.hosts.iter().filter_map(real).collect()
        };
        below(&self.hosts).or_else(|| below(self.real_hosts.get_or_init(real_hosts))).unwrap_or_else(|| path.to_owned())
    }

    /// Follows every symbolic link in a path.
    pub(super) fn resolve(&self, path: &str) -> Result<Place, PlaceError> {
        let mut rest: VecDeque<String> = parts(&self.canonical(path));
        let mut at = String::new();
        let mut links = 0;
        while let Some(part) = rest.pop_front() {
            if part == ".." {
                at.truncate(at.rfind('/').unwrap_or(0));
                continue;
            }
            let next = format!("{at}/{part}");
            if let Some(target) = self.link_target(&next)? {
                links += 1;
                if links > MOST_LINKS {
                    return Err(PlaceError::Links(path.to_owned()));
                }
                let target = if target.starts_with('/') { self.canonical(&target) } else { format!("{at}/{target}") };
                at.clear();
                for part in parts(&target).into_iter().rev() {
                    rest.push_front(part);
                }
            } else {
                at = next;
            }
        }
        self.place(path, at)
    }

    fn place(&self, path: &str, at: String) -> Result<Place, PlaceError> {
        if self.staged(&at).is_some() && !is_within(&at, WORK_ROOT) {
            return Ok(Place::Input(at));
        }
        if !is_within(&at, WORK_ROOT) {
            return Err(PlaceError::Outside(path.to_owned()));
        }
        match fs::symlink_metadata(self.on_host(&at)) {
            Ok(_) => Ok(Place::Work(at)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(PlaceError::Missing(path.to_owned())),
            Err(source) => Err(PlaceError::Io { path: path.to_owned(), source }),
        }
    }

    /// Where the symbolic link at a canonical path points; `None` if there is no link.
    fn link_target(&self, at: &str) -> Result<Option<String>, PlaceError> {
        if !is_within(at, WORK_ROOT) || at == WORK_ROOT {
            return Ok(None);
        }
        let host = self.on_host(at);
        let is_link = fs::symlink_metadata(&host).is_ok_and(|meta| meta.is_symlink());
        if !is_link {
            return Ok(None);
        }
        let target = fs::read_link(&host).map_err(|source| PlaceError::Io { path: at.to_owned(), source })?;
        target.into_os_string().into_string().map(Some).map_err(|_| PlaceError::Name(at.to_owned()))
    }

    /// The names in a folder of the working directory, sorted.
    pub(super) fn names(&self, path: &str) -> Result<Vec<String>, PlaceError> {
        let failed = |source| PlaceError::Io { path: path.to_owned(), source };
        let mut names = Vec::new();
        for entry in fs::read_dir(self.on_host(path)).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name().into_string();
            names.push(name.map_err(|_| PlaceError::Name(path.to_owned()))?);
        }
        names.sort_unstable();
        Ok(names)
    }
}

/// Whether a canonical path is a root or below it.
pub(super) fn is_within(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn parts(path: &str) -> VecDeque<String> {
    path.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect()
}

/// The content of a staged source, as a file's location; `None` for a folder.
pub(super) fn location(source: &StagedSource) -> Option<Location> {
    match source {
        StagedSource::Object(address) => Some(Location::Object(*address)),
        StagedSource::Literal(text) => Some(Location::Literal(text.clone())),
        StagedSource::Folder => None,
    }
}
