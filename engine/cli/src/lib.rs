//! The `sluis` command: it wires the crates together, prints, and exits with a documented code.

mod arguments;
mod commands;
mod conclusion;
mod containers;
mod engine;
mod exit;
mod export;
mod failure;
mod login;
mod output;
mod passphrase;
mod problems;
mod progress;
mod remote;
mod service;
mod site;

use std::{env, ffi::OsString, iter, path::Path, process::ExitCode};

use clap::Parser;

pub use crate::{
    arguments::{Arguments, Command},
    commands::run::{RunOutcome, run_workflow, summary},
    containers::{ContainerExecutor, images},
    exit::Exit,
    failure::{Failure, exit_of},
};

/// Parses the command line of this process, carries it out, prints and gives the exit code.
pub fn main() -> ExitCode {
    refuse_core_dumps();
    let arguments = Arguments::parse_from(command_line());
    let json = arguments.json;
    match commands::carry_out(arguments) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.print(json);
            failure.exit.into()
        }
    }
}

/// The arguments of this process, with the subcommand that its name stands for.
fn command_line() -> Vec<OsString> {
    let mut given = env::args_os();
    let name = given.next().unwrap_or_default();
    let face = (Path::new(&name).file_stem() == Some("cwl-runner".as_ref())).then(|| "cwl-runner".into());
    iter::once(name).chain(face).chain(given).collect()
}

/// Keys and plaintext are in this process's memory: no core dump may carry them to the disk, and no other process
/// of the same user may look into it.
pub fn refuse_core_dumps() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    // A limit of one byte and not none: with none the kernel still hands a dump to a collecting program (core(5)).
    // Both calls only ever give rights up, and the kernels that sluis runs on allow that to everybody; where one is
    // refused all the same, the other still holds.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(1), maximum: Some(1) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}
