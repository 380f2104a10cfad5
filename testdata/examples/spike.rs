//! Writes the spiked tumour into a folder: `cargo run -p sluis-testdata --example spike -- FOLDER`.

use std::{path::PathBuf, process::ExitCode};

#[expect(clippy::print_stderr, reason = "a program for developers, whose only way to speak is its standard error")]
fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("name the folder to write to");
        return ExitCode::FAILURE;
    };
    match sluis_testdata::spiked_tumour(&folder) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot make the tumour: {error}");
            ExitCode::FAILURE
        }
    }
}
