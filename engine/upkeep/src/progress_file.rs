//! How far a check has come, in a file of the site, so that the next one goes on there.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sluis_model::Address;

use crate::UpkeepError;

/// The file of the site.
const NAME: &str = "check.json";
/// The version of its format.
const VERSION: u32 = 2;
/// How often it is written.
const EVERY: Duration = Duration::from_secs(3);

/// What is known of a check so far. Objects are checked in the order of their addresses.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct State {
    version: u32,
    /// When it began.
    pub began: Timestamp,
    /// When it ended; the next check begins anew.
    pub ended: Option<Timestamp>,
    /// Everything up to this address is done.
    pub after: Option<Address>,
    /// How many objects are done.
    pub objects: u64,
    /// Their bytes of plaintext.
    pub bytes: u64,
    /// What was found damaged.
    pub damaged: Vec<DamagedPart>,
    /// What could not be read.
    pub unreadable: Vec<DamagedPart>,
}

/// A part of an object that is damaged or could not be read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct DamagedPart {
    pub address: Address,
    pub part: String,
}

/// The file and its state.
pub(crate) struct ProgressFile {
    path: PathBuf,
    pub state: State,
    written: Instant,
}

impl ProgressFile {
    /// Goes on with a check that was interrupted, or begins a new one.
    pub fn open(site: &Path, restart: bool) -> Result<Self, UpkeepError> {
        let path = site.join(NAME);
        let text = match fs::read(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(UpkeepError::file(&path, "read")(error)),
        };
        // What cannot be understood is no progress: the check begins anew.
        let known = text.and_then(|text| serde_json::from_slice::<State>(&text).ok());
        let known = known.filter(|state| state.version == VERSION && state.ended.is_none() && !restart);
        let state = known.unwrap_or_else(|| State {
            version: VERSION,
            began: Timestamp::now(),
            ended: None,
            after: None,
            objects: 0,
            bytes: 0,
            damaged: Vec::new(),
            unreadable: Vec::new(),
        });
        Ok(Self { path, state, written: Instant::now() })
    }

    /// Writes the state if it was not written lately.
    pub fn write_sometimes(&mut self) -> Result<(), UpkeepError> {
        if self.written.elapsed() < EVERY { Ok(()) } else { self.write() }
    }

    /// Replaces the file at once.
    pub fn write(&mut self) -> Result<(), UpkeepError> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(&serde_json::to_vec_pretty(&self.state)?)?;
            file.as_file().sync_data()?;
            file.persist(&self.path).map(drop).map_err(|error| error.error)
        };
        write().map_err(UpkeepError::file(&self.path, "written"))?;
        self.written = Instant::now();
        Ok(())
    }
}
