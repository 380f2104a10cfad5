//! sluis under the name by which the CWL standard's test tool calls an engine.

use std::process::ExitCode;

fn main() -> ExitCode {
    sluis_cli::main()
}
