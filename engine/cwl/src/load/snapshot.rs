//! Everything that a run was loaded from, so that it can be loaded again when the files have changed or are gone.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use sluis_model::Value;
use sluis_yaml::Diagnostics;

use super::{Loaded, RemoteDocuments, documents::web_address, load_for};
use crate::{Inputs, Process, contents, inputs};

/// The texts of a run's documents, and the values that stand in them with their files sealed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// The version of this format: [`Snapshot::VERSION`].
    version: u32,
    /// The document as it was named, with `#id` if it was.
    document: String,
    /// The job file, if it brought requirements along.
    job: Option<String>,
    /// The documents by their paths or addresses, and what they import and include.
    texts: BTreeMap<String, Arc<str>>,
    /// The process's own values (defaults, files of `InitialWorkDirRequirement`), in the order of
    /// [`Process::change_values`].
    values: Vec<serde_json::Value>,
}

/// Why a process cannot be made from a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Another version of sluis wrote it.
    #[error("the run's documents are kept in format {0}, this version of sluis reads format {expected}", expected = Snapshot::VERSION)]
    Version(u32),
    /// This version of sluis does not read the documents as the one that kept them did.
    #[error("the run's documents cannot be loaded any more")]
    Documents(#[source] Box<Diagnostics>),
    /// They were read, but hold other values than were kept.
    #[error("the run's documents are not read as they were when it ran")]
    Differs,
}

impl Snapshot {
    /// The version of the format that this version of sluis writes and reads.
    pub const VERSION: u32 = 1;

    /// Of a document that was just loaded for a job file.
    pub fn of(document: &str, loaded: &Loaded, inputs: &Inputs) -> Self {
        let mut texts = loaded.texts.clone();
        let job = inputs.requirements_text().map(|(path, text)| {
            texts.insert(path.clone(), text.into());
            path
        });
        Self { version: Self::VERSION, document: document.to_owned(), job, texts, values: Vec::new() }
    }

    /// Takes over the process's own values, when their files are sealed.
    pub fn keep_values(&mut self, process: &mut Process) {
        self.values.clear();
        let Ok(()) = process.change_values(&mut |value| {
            self.values.push(value.to_json());
            Ok::<_, Infallible>(())
        });
    }

    /// The process as it was.
    ///
    /// # Errors
    /// If this version of sluis reads the documents in another way.
    pub fn process(&self) -> Result<Process, SnapshotError> {
        if self.version != Self::VERSION {
            return Err(SnapshotError::Version(self.version));
        }
        let failed = |problems| SnapshotError::Documents(Box::new(problems));
        let mut job = match &self.job {
            Some(path) => {
                let text = self.texts.get(path).ok_or(SnapshotError::Differs)?;
                inputs::parse_inputs(Path::new(path), text).map_err(failed)?
            }
            None => Inputs::default(),
        };
        let mut process = load_for(&self.document, &mut job, self).map_err(failed)?.process;
        let mut values = self.values.iter();
        process.change_values(&mut |value| {
            let kept = values.next().ok_or(SnapshotError::Differs)?;
            let mut kept = Value::from_json(kept.clone()).map_err(|_| SnapshotError::Differs)?;
            contents::show_as(value, &mut kept);
            *value = kept;
            Ok(())
        })?;
        if values.next().is_some() { Err(SnapshotError::Differs) } else { Ok(process) }
    }

    fn kept(&self, path: &str) -> Result<String, String> {
        let text = self.texts.get(path).ok_or("it was not there when the documents were kept")?;
        Ok(text.to_string())
    }
}

impl RemoteDocuments for Snapshot {
    fn text(&self, address: &str) -> Result<String, String> {
        let is_it = |path: &&String| web_address(&PathBuf::from(path)).as_deref() == Some(address);
        let path = self.texts.keys().find(is_it).map_or(address, String::as_str);
        self.kept(path)
    }

    fn local(&self, path: &Path) -> Option<Result<String, String>> {
        Some(self.kept(&path.to_string_lossy()))
    }
}
