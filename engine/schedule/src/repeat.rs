//! Doing a run again from what its journal names, whatever has become of the files that it was loaded from.

use std::{error::Error, io::Read};

use sluis_access::{AccessError, ReadAction, Site};
use sluis_cwl::{Process, Snapshot, SnapshotError};
use sluis_model::{Address, ProjectName, RunId, Value, Values};

use crate::{given, runs::RunSummary};

/// What a run was, ready to be done again.
pub struct Repeatable {
    /// The workflow or tool, its own files sealed.
    pub process: Process,
    /// The input object as the run's steps saw it: its files sealed, its literal files as texts.
    pub inputs: Values,
    /// The documents that the process was loaded from.
    pub documents: Snapshot,
}

/// Why a run cannot be done again.
#[derive(Debug, thiserror::Error)]
pub enum RepeatError {
    /// An early version of sluis did not keep the documents.
    #[error("run {0} was made before sluis kept the documents of runs; run its workflow again")]
    NotKept(RunId),
    /// The site refused or failed.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// What was kept is not what it should be.
    #[error("what run {run} was made from cannot be read")]
    Unreadable {
        /// The run.
        run: RunId,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// What a run was made from.
///
/// # Errors
/// If it was not kept, may not be read, or is damaged.
pub fn repeatable(site: &Site, run: &RunSummary) -> Result<Repeatable, RepeatError> {
    let documents = run.documents.ok_or_else(|| RepeatError::NotKept(run.run.clone()))?;
    let unreadable = |source: Box<dyn Error + Send + Sync>| RepeatError::Unreadable { run: run.run.clone(), source };
    let documents = unseal(site, &run.project, &documents)?;
    let documents: Snapshot = serde_json::from_slice(&documents).map_err(|error| unreadable(error.into()))?;
    let process = documents.process().map_err(|error: SnapshotError| unreadable(error.into()))?;
    let inputs = match &run.given {
        Some(given) => {
            given::from_json(&unseal(site, &run.project, given)?).map_err(|error| unreadable(error.into()))?
        }
        None => {
            let inputs = serde_json::from_slice(&unseal(site, &run.project, &run.inputs)?);
            match inputs.map(Value::from_json).map_err(|error| unreadable(error.into()))? {
                Ok(Value::Record(inputs)) => inputs,
                Ok(_) => return Err(unreadable("the input object is no object".into())),
                Err(error) => return Err(unreadable(error.into())),
            }
        }
    };
    Ok(Repeatable { process, inputs, documents })
}

fn unseal(site: &Site, project: &ProjectName, address: &Address) -> Result<Vec<u8>, AccessError> {
    let permit = site.permit_read(project, address, ReadAction::Repeat)?;
    let mut bytes = Vec::new();
    let read = site.unseal(&permit, address)?.read_to_end(&mut bytes);
    read.map_err(|error| site.reading_failed(address, error))?;
    Ok(bytes)
}
