//! `sluis validate`

use std::path::Path;

use sluis_cwl::Process;
use sluis_yaml::Diagnostics;

use crate::{
    arguments::{ProblemFormat, Validate},
    exit::Exit,
    failure::Failure,
    output, problems,
    remote::Documents,
};

/// Checks a document, and an input object against it.
pub fn carry_out(folder: &Path, validate: &Validate, json: bool) -> Result<Exit, Failure> {
    let (processes, found) = check(validate, &Documents::of(folder));
    let format = if json { ProblemFormat::Json } else { validate.format };
    match format {
        ProblemFormat::People => problems::print(&found),
        ProblemFormat::Json => output::json(&problems::json(&found)),
        ProblemFormat::Sarif => output::json(&problems::sarif(&found)),
    }
    match processes.as_deref() {
        None => return Err(Failure::told_of(&found)),
        Some([process]) if validate.graph => output::line(sluis_diagram::svg(process).trim_end()),
        Some(_) if validate.graph => {
            let text = "the document has several processes; name the one to draw after a `#`";
            return Err(Failure::new(Exit::Usage, text));
        }
        Some(_) if format == ProblemFormat::People => output::note(&format!("{} is valid CWL.", validate.workflow)),
        Some(_) => {}
    }
    Ok(Exit::Success)
}

/// The processes if nothing is wrong with them and with the inputs, and everything that was found.
fn check(validate: &Validate, remote: &Documents) -> (Option<Vec<Process>>, Diagnostics) {
    let Some(job) = &validate.inputs else {
        return match sluis_cwl::load_whole(&validate.workflow, remote) {
            Ok((processes, found)) => (Some(processes), found),
            Err(problems) => (None, problems),
        };
    };
    let mut inputs = match sluis_cwl::read_inputs(Some(job)) {
        Ok(inputs) => inputs,
        Err(problems) => return (None, problems),
    };
    let loaded = match sluis_cwl::load_for(&validate.workflow, &mut inputs, remote) {
        Ok(loaded) => loaded,
        Err(problems) => return (None, problems),
    };
    let mut found = loaded.warnings;
    match loaded.process.check_inputs(inputs) {
        Ok(_) => (Some(vec![loaded.process]), found),
        Err(problems) => {
            found.extend(problems);
            (None, found)
        }
    }
}
