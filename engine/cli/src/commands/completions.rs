//! `sluis completions`

use clap::CommandFactory;

use crate::{
    arguments::{Arguments, Completions},
    exit::Exit,
    failure::Failure,
    output,
};

/// Prints the completion script of a shell.
pub fn carry_out(completions: &Completions) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut Arguments::command(), "sluis", &mut script);
    output::line(&String::from_utf8_lossy(&script));
    Ok(Exit::Success)
}
