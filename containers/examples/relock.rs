//! Makes an image's locks anew; `containers/relock` calls this.

use std::process::ExitCode;

#[expect(clippy::print_stderr, reason = "a program for maintainers, whose only way to speak is its standard error")]
fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_else(|| "genomics".to_owned());
    match sluis_containers::relock(&name) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot lock `{name}`: {error}");
            ExitCode::FAILURE
        }
    }
}
