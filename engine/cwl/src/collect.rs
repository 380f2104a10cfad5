//! The outputs of a command that has ended (CWL v1.2, CommandLineTool, Output binding).

mod entries;
mod outputs;
mod pattern;
mod places;
mod settle;

use std::{fs, io, path::Path};

use sluis_model::{Address, Directory, Value, ValueError, Values, WORK_ROOT};

use crate::{BoundTool, OutputParameter, expression::ExpressionError, expression::Session};
use outputs::{Collector, Output};
use places::{Place, Places};

pub use places::PlaceError;
pub(crate) use settle::forget;

/// Why outputs cannot be collected.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// An expression cannot be evaluated.
    #[error(transparent)]
    Expression(#[from] ExpressionError),
    /// A file or directory cannot be reached.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// A file that is too long for `loadContents`.
    #[error("`{0}` is longer than the 65536 bytes that loadContents takes")]
    TooLong(String),
    /// Nothing matches.
    #[error("the output `{output}` was not found: nothing matches `{patterns}`")]
    NoMatch {
        /// The output.
        output: String,
        /// What was looked for.
        patterns: String,
    },
    /// Several files where there is room for one.
    #[error("the output `{output}` is a single file or directory, but {count} match its patterns")]
    SeveralMatches {
        /// The output.
        output: String,
        /// How many match.
        count: usize,
    },
    /// A secondary file that is required.
    #[error("`{file}` in the output `{output}` lacks its secondary file `{missing}`")]
    MissingSecondaryFile {
        /// The output.
        output: String,
        /// The primary file.
        file: String,
        /// The name of what is missing.
        missing: String,
    },
    /// A value of the wrong type.
    #[error("the output `{output}` must be of type `{expected}`, but is {found}")]
    Type {
        /// The output.
        output: String,
        /// The type of the parameter.
        expected: String,
        /// What came.
        found: &'static str,
    },
    /// A directory where a file should be, or the reverse.
    #[error("`{path}` is not {expected}")]
    Class {
        /// The path.
        path: String,
        /// What it should be.
        expected: &'static str,
    },
    /// An object that the task was not given.
    #[error("an output names the object {0}, which the task was not given")]
    ForeignObject(Address),
    /// A file on the web, which nobody fetches.
    #[error("an output names {0}, but a task's files are those that it made or was given")]
    Remote(String),
    /// A name that is not UTF-8.
    #[error("the path of `{0}` is not valid UTF-8")]
    Name(String),
    /// `cwl.output.json` is no output object.
    #[error("cwl.output.json is not an output object")]
    Json(#[source] serde_json::Error),
    /// `cwl.output.json` holds something that is no CWL value.
    #[error("cwl.output.json holds something that is no CWL value")]
    Value(#[source] ValueError),
}

impl BoundTool {
    /// The output object of the command, which left its files in the folder `work` and ended with `exit_code`.
    ///
    /// Each file in it is below `work` (`Location::Path`), one of the task's inputs passed on (`Location::Object`), or
    /// a literal. Files anywhere else are refused. A tool that ran without a container saw its inputs in the folder
    /// `in` beside `work`; links to there count as links to its inputs.
    pub fn collect(&self, work: &Path, exit_code: i32) -> Result<Values, CollectError> {
        let places = Places::new(work, self.task.work_directory.as_deref(), &self.task.staged);
        let mut runtime = self.runtime.clone();
        if let Value::Record(fields) = &mut runtime {
            fields.insert("exitCode".to_owned(), Value::Integer(exit_code.into()));
        }
        let requirements = &self.tool.requirements;
        let library = requirements.javascript.as_deref();
        let session = Session::new(&self.evaluator, library, self.inputs.clone(), runtime);
        let collector = Collector {
            places: &places,
            session: &session,
            stdout: self.task.command.stdout.as_deref(),
            stderr: self.task.command.stderr.as_deref(),
            depth: requirements.load_listing,
        };
        let mut given = own_outputs(&places)?;
        let mut outputs = Values::with_capacity(self.tool.outputs.len());
        for parameter in &self.tool.outputs {
            let output = Output::of_parameter(parameter);
            let mut value = match &mut given {
                Some(given) => {
                    let value = given.swap_remove(&parameter.name).unwrap_or_default();
                    collector.checked(&output, settle::settle(&places, &self.inputs, value)?)?
                }
                None => collector.collect(&output)?,
            };
            forget(&mut value);
            outputs.insert(parameter.name.clone(), value);
        }
        Ok(outputs)
    }
}

impl BoundTool {
    /// The inputs that the command could change in place, as it left them; by name, empty without
    /// InplaceUpdateRequirement. Files are as in [`BoundTool::collect`].
    pub fn updated_inputs(&self, work: &Path) -> Result<Values, CollectError> {
        if !self.tool.requirements.inplace_update {
            return Ok(Values::new());
        }
        let places = Places::new(work, self.task.work_directory.as_deref(), &self.task.staged);
        let writable =
            |path: Option<&String>| path.and_then(|path| places.staged(path)).is_some_and(|entry| entry.writable);
        let mut updated = Values::new();
        for (name, value) in &self.inputs {
            let value = match value {
                Value::File(file) if writable(file.path.as_ref()) => value.clone(),
                Value::Directory(directory) if writable(directory.path.as_ref()) => {
                    let source = directory.path.as_ref().map(Into::into);
                    Value::Directory(Box::new(Directory { source, ..(**directory).clone() }))
                }
                _ => continue,
            };
            let mut value = settle::settle(&places, &self.inputs, value)?;
            forget(&mut value);
            updated.insert(name.clone(), value);
        }
        Ok(updated)
    }
}

impl<'o> Output<'o> {
    pub(crate) fn of_parameter(parameter: &'o OutputParameter) -> Self {
        Self {
            name: parameter.name.clone(),
            ty: &parameter.ty,
            binding: parameter.output_binding.as_ref(),
            secondary_files: &parameter.secondary_files,
            format: parameter.format.as_ref(),
        }
    }
}

/// The most bytes that an output object written by the tool may have.
const LARGEST_OUTPUT_OBJECT: u64 = 64 << 20;

/// The output object that the tool wrote itself, if it did (CWL v1.2, CommandLineTool, `cwl.output.json`).
fn own_outputs(places: &Places<'_>) -> Result<Option<Values>, CollectError> {
    let path = format!("{WORK_ROOT}/cwl.output.json");
    let at = match places.resolve(&path) {
        Ok(Place::Work(at) | Place::Input(at)) => at,
        Err(PlaceError::Missing(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let host = places.on_host(&at);
    let failed = |source| PlaceError::Io { path: path.clone(), source };
    let facts = fs::metadata(&host).map_err(failed)?;
    if !facts.is_file() {
        return Err(PlaceError::Kind(path).into());
    }
    if facts.len() > LARGEST_OUTPUT_OBJECT {
        return Err(failed(io::ErrorKind::FileTooLarge.into()).into());
    }
    let json: serde_json::Map<_, _> =
        serde_json::from_slice(&fs::read(&host).map_err(failed)?).map_err(CollectError::Json)?;
    match Value::from_json(json.into()).map_err(CollectError::Value)? {
        Value::Record(values) => Ok(Some(values)),
        // Its `class` makes it a File or a Directory.
        _ => Err(CollectError::Class { path, expected: "an output object" }),
    }
}

#[cfg(test)]
mod tests;
