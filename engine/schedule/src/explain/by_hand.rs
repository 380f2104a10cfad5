//! The commands that repeat a task by hand: its inputs exported to a folder in memory, and its command started there,
//! in the same container.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use sluis_executor::Folders;
use sluis_model::{INPUTS_ROOT, ProjectName, Resources, RunId, TEMPORARY_ROOT, TaskId, WORK_ROOT};

use crate::account::{Material, Staged};

/// The commands, in order, for a POSIX shell. They write plain data into memory; the last removes them. A container is
/// limited to what its last attempt was given.
pub(crate) fn commands(
    material: &Material,
    given: Option<Resources>,
    project: &ProjectName,
    run: &RunId,
    task: TaskId,
) -> Vec<String> {
    let folder = format!("/dev/shm/by-hand-{run}-{task}");
    let path = |name: &str| PathBuf::from(&folder).join(name);
    let folders =
        Folders { work: path("work"), temporary: path("tmp"), inputs: path("in"), elsewhere: path("elsewhere") };
    let mut commands = vec![format!("umask 077; mkdir -p {folder}/work {folder}/tmp {folder}/in {folder}/elsewhere")];
    let mut made: BTreeSet<PathBuf> = [&folders.work, &folders.inputs].into_iter().cloned().collect();
    commands.extend(material.staged.iter().filter_map(|staged| stage(staged, &folders, project, &mut made)));
    let command = match &material.image {
        Some(image) => in_container(material, given, image, &folders),
        None => on_this_machine(material, &folders),
    };
    commands.push(format!("{command}{}", redirections(material, &folders)));
    commands.push(format!("rm -r {folder}"));
    commands
}

/// Puts one thing in place, and its folder if that is not made yet; `None` for a path that no executor would take.
fn stage(staged: &Staged, folders: &Folders, project: &ProjectName, made: &mut BTreeSet<PathBuf>) -> Option<String> {
    let place = folders.host_path(&staged.target)?;
    let path = quoted(&place.to_string_lossy());
    let mut folder_of = |place: &Path| {
        let folder = place.parent().map(Path::to_owned).unwrap_or_default();
        let command = format!("mkdir -p {} && ", quoted(&folder.to_string_lossy()));
        if made.insert(folder) { command } else { String::new() }
    };
    Some(match (&staged.object, &staged.text) {
        (Some(object), _) => format!("{}sluis export {object} --project {project} --to {path}", folder_of(&place)),
        (None, Some(text)) => format!("{}printf %s {} > {path}", folder_of(&place), quoted(text)),
        (None, None) => {
            made.insert(place);
            format!("mkdir -p {path}")
        }
    })
}

fn in_container(material: &Material, given: Option<Resources>, image: &str, folders: &Folders) -> String {
    let network = if material.network { "bridge" } else { "none" };
    let mut words: Vec<String> = ["docker", "run", "--rm"].map(str::to_owned).into();
    words.push(if material.stdin.is_some() { "-i" } else { "-it" }.to_owned());
    words.extend([format!("--network={network}"), "--read-only".to_owned(), "--cap-drop=ALL".to_owned()]);
    words.extend(["--security-opt=no-new-privileges:true", "--log-driver=none", "--tmpfs=/tmp"].map(str::to_owned));
    words.extend(given.iter().flat_map(limits));
    let mut command = words.join(" ");
    // The folders belong to whoever types this.
    command.push_str(" --user=\"$(id -u):$(id -g)\"");
    for (root, place) in [(WORK_ROOT, &folders.work), (TEMPORARY_ROOT, &folders.temporary)] {
        command.push_str(&format!(" -v {}:{root}", place.display()));
    }
    command.push_str(&format!(" -v {}:{INPUTS_ROOT}:ro", folders.inputs.display()));
    if let Some(directory) = &material.work_directory {
        command.push_str(&format!(" -v {}", quoted(&format!("{}:{directory}", folders.work.display()))));
    }
    for staged in elsewhere(material) {
        let Some(place) = folders.host_path(&staged.target) else { continue };
        let read_only = if staged.writable { "" } else { ":ro" };
        command.push_str(&format!(" -v {}", quoted(&format!("{}:{}{read_only}", place.display(), staged.target))));
    }
    command.push_str(&format!(" -w {}", quoted(material.work_directory.as_deref().unwrap_or(WORK_ROOT))));
    for (name, value) in &material.environment {
        command.push_str(&format!(" -e {}", quoted(&format!("{name}={value}"))));
    }
    let arguments = material.arguments.iter().map(|argument| quoted(argument)).collect::<Vec<_>>();
    format!("{command} {image} {}", arguments.join(" "))
}

/// The limits of a container: its files in memory count as memory, and it has no swap.
fn limits(given: &Resources) -> [String; 3] {
    let memory = [given.memory, given.temporary, given.work].iter().fold(0_u64, |sum, part| sum.saturating_add(part.0));
    let cores = given.cores.0 as f64 / 1000.0;
    [format!("--memory={memory}m"), format!("--memory-swap={memory}m"), format!("--cpus={cores}")]
}

/// What is staged outside of the roots, but nothing that is within another such folder.
fn elsewhere(material: &Material) -> impl Iterator<Item = &Staged> {
    let is_below = |path: &str, above: &str| Path::new(path).starts_with(above);
    let outside: Vec<_> = material
        .staged
        .iter()
        .filter(|staged| ![WORK_ROOT, INPUTS_ROOT].into_iter().any(|root| is_below(&staged.target, root)))
        .collect();
    let topmost: Vec<_> = outside
        .iter()
        .copied()
        .filter(|staged| {
            !outside.iter().any(|other| other.target != staged.target && is_below(&staged.target, &other.target))
        })
        .collect();
    topmost.into_iter()
}

fn on_this_machine(material: &Material, folders: &Folders) -> String {
    let mut command = format!("(cd {} && env -i", folders.work.display());
    if !material.environment.contains_key("PATH") {
        command.push_str(" PATH=\"$PATH\"");
    }
    for (name, value) in &material.environment {
        command.push_str(&format!(" {}", quoted(&format!("{name}={}", folders.localize(value)))));
    }
    for argument in &material.arguments {
        command.push_str(&format!(" {}", quoted(&folders.localize(argument))));
    }
    command.push(')');
    command
}

fn redirections(material: &Material, folders: &Folders) -> String {
    let mut text = String::new();
    let mut add = |sign: &str, place: Option<PathBuf>| {
        if let Some(place) = place {
            text.push_str(&format!(" {sign} {}", quoted(&place.to_string_lossy())));
        }
    };
    add("<", material.stdin.as_ref().and_then(|path| folders.host_path(path)));
    add(">", material.stdout.as_ref().map(|name| folders.work.join(name)));
    if material.stderr.is_some() && material.stderr == material.stdout {
        text.push_str(" 2>&1");
        return text;
    }
    add("2>", material.stderr.as_ref().map(|name| folders.work.join(name)));
    text
}

/// A word for a shell. A NUL, which no word can hold, is left out.
fn quoted(word: &str) -> String {
    let word = word.replace('\0', "");
    shlex::try_quote(&word).map(|quoted| quoted.into_owned()).unwrap_or_default()
}
