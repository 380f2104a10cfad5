//! `sluis validate`

use sluis_cwl::Loaded;

use crate::{
    arguments::Validate,
    exit::Exit,
    failure::{Failure, print_problems},
    output,
};

/// Checks a document, and an input object against it.
pub fn carry_out(validate: &Validate, json: bool) -> Result<Exit, Failure> {
    let Loaded { process, warnings } = sluis_cwl::load(&validate.workflow)?;
    if !warnings.is_empty() {
        print_problems(&warnings, json);
    }
    if let Some(inputs) = &validate.inputs {
        process.check_inputs(sluis_cwl::read_inputs(Some(inputs))?)?;
    }
    if !json {
        output::note(&format!("{} is valid CWL.", validate.workflow));
    }
    Ok(Exit::Success)
}
