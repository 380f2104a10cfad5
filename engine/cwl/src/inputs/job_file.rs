//! Job files (CWL v1.2, Input object).

use std::{collections::HashMap, convert::Infallible, path::Path, sync::Arc};

use sluis_model::{File, Values};
use sluis_yaml::{Diagnostics, Fields, Node, Span};

use super::{checksums::Checksum, nowhere};
use crate::load::{Namespaces, Target, documents, value};

/// The field of an input object that holds requirements (CWL v1.2, Requirements and hints).
pub(crate) const REQUIREMENTS: &str = "cwl:requirements";

/// The field of an input object that names the document to run.
const TOOL: &str = "cwl:tool";

/// An input object, and where each of its values stands.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// The values by the name of the input.
    pub values: Values,
    /// Holds the text of the file.
    pub(super) problems: Diagnostics,
    whole: Option<Span>,
    /// The job file, if it has requirements of its own (`cwl:requirements`).
    pub(crate) requirements: Option<Arc<Node>>,
    /// The checksums that it gives of local files.
    pub(super) checksums: Vec<Checksum>,
    names: HashMap<String, Span>,
    spans: HashMap<String, Span>,
}

impl Inputs {
    /// Where a name stands.
    pub(super) fn name_span(&self, name: &str) -> Span {
        self.names.get(name).or(self.whole.as_ref()).cloned().unwrap_or_else(nowhere)
    }

    /// The job file and its text, if it has requirements of its own.
    pub(crate) fn requirements_text(&self) -> Option<(String, &str)> {
        let file = &self.requirements.as_ref()?.span.file;
        Some((file.to_string(), self.problems.source(file)?))
    }

    /// Where the value of an input stands; the whole file's beginning if it is not there.
    pub(super) fn span(&self, name: &str) -> Span {
        self.spans.get(name).or(self.whole.as_ref()).cloned().unwrap_or_else(nowhere)
    }
}

impl Inputs {
    /// Writes out the prefixes in formats of files that only the document explains.
    pub(crate) fn expand_formats(&mut self, namespaces: &Namespaces) {
        let mut expand = |file: &mut File| {
            if let Some(format) = &mut file.format {
                *format = namespaces.expand(format);
            }
            Ok::<_, Infallible>(())
        };
        let Ok(()) = self.values.values_mut().try_for_each(|value| value.visit_files_mut(&mut expand));
    }
}

impl From<Values> for Inputs {
    fn from(values: Values) -> Self {
        Self { values, ..Self::default() }
    }
}

/// Reads a job file (YAML or JSON); without one there are no values. Relative paths become absolute: they are relative
/// to the folder of the file.
///
/// # Errors
/// Everything that keeps the file from being read.
pub fn read_inputs(path: Option<&Path>) -> Result<Inputs, Diagnostics> {
    let Some(path) = path else { return Ok(Inputs::default()) };
    let mut problems = Diagnostics::default();
    match sluis_yaml::read(path, &mut problems) {
        Some(node) => of_node(path, &node, problems),
        None => Err(problems),
    }
}

/// The document that a job file names to be run with it, if the file is one that does (CWL v1.2, Executing CWL documents
/// as scripts, `cwl:tool`): a path or address, with `#` and an identifier if the file says one.
pub fn tool_of_job(path: &Path) -> Option<String> {
    let root = sluis_yaml::read(path, &mut Diagnostics::default())?;
    let is_document = root.get("class").is_some() || root.get("$graph").is_some();
    let tool = root.get(TOOL).filter(|_| !is_document)?;
    let Target { path, fragment } = documents::target(tool, &mut Diagnostics::default())?;
    let path = documents::web_address(&path).unwrap_or_else(|| path.to_string_lossy().into_owned());
    Some(fragment.map_or_else(|| path.clone(), |fragment| format!("{path}#{fragment}")))
}

/// As [`read_inputs`], of a text that stood in a file.
pub(crate) fn parse_inputs(path: &Path, text: &str) -> Result<Inputs, Diagnostics> {
    let mut problems = Diagnostics::default();
    match sluis_yaml::parse(&path.to_string_lossy(), text, &mut problems) {
        Some(node) => of_node(path, &node, problems),
        None => Err(problems),
    }
}

fn of_node(path: &Path, node: &Node, mut problems: Diagnostics) -> Result<Inputs, Diagnostics> {
    let mut inputs = Inputs { whole: Some(Span::start_of(&*path.to_string_lossy())), ..Inputs::default() };
    // An empty file says as much as an empty mapping.
    if !node.is_null()
        && let Some(fields) = Fields::of(node, "the input object", &mut problems)
    {
        let namespaces = Namespaces::of(node, path);
        for (name, field) in fields.all() {
            match name.as_str() {
                "$namespaces" | "$schemas" | TOOL => {}
                REQUIREMENTS => inputs.requirements = Some(Arc::new(node.clone())),
                _ => {
                    if let Some(value) = value(&field.node, &namespaces, &mut problems) {
                        inputs.values.insert(name.clone(), value);
                        Checksum::find(name, &field.node, &namespaces, &mut inputs.checksums);
                        let is_scalar = field.node.as_mapping().is_none() && field.node.as_sequence().is_none();
                        let span = if is_scalar && !field.node.is_null() { &field.node.span } else { &field.key };
                        inputs.names.insert(name.clone(), field.key.clone());
                        inputs.spans.insert(name.clone(), span.clone());
                    }
                }
            }
        }
    }
    if problems.has_errors() {
        return Err(problems);
    }
    inputs.problems = problems;
    Ok(inputs)
}
