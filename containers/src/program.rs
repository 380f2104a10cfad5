//! Running the few programs of Debian that a build leans on.

use std::{
    io,
    process::{ChildStdout, Command, Output, Stdio},
};

use crate::ContainersError;

/// Runs a program to its end and gives its standard output; its failure carries the last lines of its standard error.
pub(crate) fn run(program: &'static str, command: &mut Command) -> Result<Vec<u8>, ContainersError> {
    let Output { status, stdout, stderr } = command
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|source| ContainersError::MissingProgram { program, source })?;
    if status.success() { Ok(stdout) } else { Err(failure(program, &stderr)) }
}

/// Starts a program, hands its standard output to `read`, and waits for its end.
pub(crate) fn read_from<T>(
    program: &'static str,
    command: &mut Command,
    read: impl FnOnce(&mut ChildStdout) -> Result<T, ContainersError>,
) -> Result<T, ContainersError> {
    let mut child = command
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|source| ContainersError::MissingProgram { program, source })?;
    let mut stdout = child.stdout.take().ok_or(ContainersError::Stopped)?;
    let result = read(&mut stdout);
    // What `read` left over (a tar file's padding) would make the program die of a broken pipe.
    let drained = io::copy(&mut stdout, &mut io::sink());
    let status = child.wait().map_err(|source| ContainersError::MissingProgram { program, source })?;
    let value = result?;
    match drained {
        Ok(_) if status.success() => Ok(value),
        _ => Err(failure(program, status.to_string().as_bytes())),
    }
}

fn failure(program: &'static str, stderr: &[u8]) -> ContainersError {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let errors: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("E: ")).collect();
    let said = if errors.is_empty() { &lines[lines.len().saturating_sub(8)..] } else { &errors[..] };
    ContainersError::Program { program, said: said.join("; ") }
}
