//! The command's arguments, environment, streams and container.

use std::collections::BTreeMap;

use sluis_model::{CommandLine, INPUTS_ROOT, ImageReference, TEMPORARY_ROOT, Value, WORK_ROOT};

use super::{BindError, arguments};
use crate::{CommandLineTool, Requirements, Type, expression::Session, expression::wrong_type};

/// Where commands are looked for; the same for every task, so that the machine's own setting enters no result.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The command with its environment and streams.
pub(super) fn command_line(tool: &CommandLineTool, session: &Session<'_>) -> Result<CommandLine, BindError> {
    Ok(CommandLine {
        arguments: arguments::command(tool, session.inputs(), session)?,
        environment: variables(&tool.requirements, session)?,
        stdin: stdin(tool, session)?,
        stdout: stream(tool, "stdout", session)?,
        stderr: stream(tool, "stderr", session)?,
        success_codes: success_codes(tool),
        temporary_fail_codes: tool.temporary_fail_codes.clone(),
    })
}

/// The exit codes that mean success: those that the tool lists, and zero unless the tool calls it a failure.
fn success_codes(tool: &CommandLineTool) -> Vec<i32> {
    let mut codes = tool.success_codes.clone();
    let is_listed = [&tool.success_codes, &tool.temporary_fail_codes, &tool.permanent_fail_codes];
    if !is_listed.into_iter().flatten().any(|code| *code == 0) {
        codes.push(0);
    }
    codes
}

/// The whole environment (CWL v1.2, EnvVarRequirement and Runtime environment).
fn variables(requirements: &Requirements, session: &Session<'_>) -> Result<BTreeMap<String, String>, BindError> {
    let home = work_directory(requirements)?.unwrap_or(WORK_ROOT);
    let fixed = [("HOME", home), ("PATH", PATH), ("TMPDIR", TEMPORARY_ROOT)];
    let mut variables: BTreeMap<_, _> =
        fixed.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    for definition in &requirements.environment {
        let place = format!("EnvVarRequirement.{}", definition.name);
        let value = session.text(&definition.value, &Value::Null, &place)?;
        if definition.name.is_empty() || definition.name.contains(['=', '\0']) || value.contains('\0') {
            return Err(BindError::Variable(definition.name.clone()));
        }
        variables.insert(definition.name.clone(), value);
    }
    Ok(variables)
}

fn stdin(tool: &CommandLineTool, session: &Session<'_>) -> Result<Option<String>, BindError> {
    let shortcut = tool.inputs.iter().find(|input| input.ty == Type::Stdin);
    if let Some(Value::File(file)) = shortcut.and_then(|input| session.inputs().get(&input.name)) {
        return Ok(file.path.clone());
    }
    let Some(stdin) = &tool.stdin else { return Ok(None) };
    let path = match session.evaluate(stdin, &Value::Null, "stdin")? {
        Value::Null => return Ok(None),
        Value::File(file) => file.path.unwrap_or_default(),
        Value::String(path) if path.starts_with('/') => path,
        Value::String(path) => format!("{WORK_ROOT}/{path}"),
        other => return Err(wrong_type(stdin, "stdin", "a path", &other).into()),
    };
    let below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
    let is_inside = [INPUTS_ROOT, WORK_ROOT, TEMPORARY_ROOT].into_iter().any(below);
    if !is_inside || path.split('/').any(|part| part == "..") || path.contains('\0') {
        return Err(BindError::Stream { stream: "stdin", name: path });
    }
    Ok(Some(path))
}

/// The file that takes a stream: as the tool names it, or a name made from the output that wants it.
fn stream(tool: &CommandLineTool, name: &'static str, session: &Session<'_>) -> Result<Option<String>, BindError> {
    let (given, ty) = if name == "stdout" { (&tool.stdout, Type::Stdout) } else { (&tool.stderr, Type::Stderr) };
    let Some(expression) = given else {
        let wanted = tool.outputs.iter().find(|output| output.ty == ty);
        return Ok(wanted.map(|output| generated_name(&output.name, name)));
    };
    let file = session.text(expression, &Value::Null, name)?;
    let relative = file.strip_prefix(WORK_ROOT).and_then(|rest| rest.strip_prefix('/')).unwrap_or(&file);
    let parts: Vec<_> = relative.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if relative.starts_with('/') || relative.contains('\0') || parts.is_empty() || parts.contains(&"..") {
        return Err(BindError::Stream { stream: name, name: file });
    }
    Ok(Some(parts.join("/")))
}

/// The name of the file for a stream that the tool gives no name: the same for the same document.
fn generated_name(output: &str, stream: &str) -> String {
    format!("{output}.{stream}")
}

/// The directory in which the command is started, if the tool names one (CWL v1.2, DockerRequirement,
/// `dockerOutputDirectory`).
pub(super) fn work_directory(requirements: &Requirements) -> Result<Option<&str>, BindError> {
    let Some(given) = requirements.docker.as_ref().and_then(|docker| docker.output_directory.as_deref()) else {
        return Ok(None);
    };
    let path = given.trim_end_matches('/');
    let is_plain = path
        .strip_prefix('/')
        .is_some_and(|rest| rest.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0')));
    if is_plain { Ok(Some(path)) } else { Err(BindError::WorkDirectory(given.to_owned())) }
}

/// The container (CWL v1.2, DockerRequirement).
pub(super) fn image(requirements: &Requirements) -> Result<Option<ImageReference>, BindError> {
    let Some(docker) = &requirements.docker else { return Ok(None) };
    let id = docker.image_id.as_deref().and_then(|id| id.parse().ok());
    let name = docker.pull.clone().or_else(|| docker.image_id.clone());
    let name = name.ok_or(BindError::Unsupported("DockerRequirement without dockerPull or dockerImageId"))?;
    Ok(Some(ImageReference { name, id }))
}
