//! The `sluis` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    sluis_cli::main()
}
