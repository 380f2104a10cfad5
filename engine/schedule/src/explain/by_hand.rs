//! The commands that repeat a task by hand: its inputs exported to a folder in memory, and its command started there,
//! in the same container where it has one.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use sluis_executor::{
    ByHand, Executor, ExecutorError, Folders, LINE_FEED, Launch, MountPoint, needs_line_feed, shell_print, shell_word,
    shell_words,
};
use sluis_model::{CommandLine, INPUTS_ROOT, ProjectName, Resources, RunId, TaskId, WORK_ROOT};

use crate::{
    account::{Material, Staged},
    gpus::Gpus,
    prepare::with_causes,
};

/// A task that is to be repeated.
pub(crate) struct Repeated<'a> {
    pub material: &'a Material,
    /// What its last attempt was given, if that is known.
    pub given: Option<Resources>,
    pub project: &'a ProjectName,
    pub run: &'a RunId,
    pub task: TaskId,
    /// What ran it, if it has an image.
    pub container: &'a dyn Executor,
    /// The GPUs of this machine.
    pub gpus: &'a Gpus,
}

impl Repeated<'_> {
    /// The commands, in order, for a POSIX shell. They write plain data into memory; the last removes them.
    pub fn commands(&self) -> Vec<String> {
        let launch = self.launch();
        let started = match &launch.image {
            Some(_) => self.container.by_hand(&launch, self.given.is_some()),
            None => Ok(None),
        };
        match started {
            Ok(Some(by_hand)) => self.around(&launch.folders, by_hand),
            Ok(None) => self.around(&launch.folders, on_this_machine(self.material, &launch.folders)),
            Err(error) => vec![cannot_be(&error)],
        }
    }

    /// Each command but the last is run only if the one before it went well: without its inputs nothing is repeated.
    fn around(&self, folders: &Folders, by_hand: ByHand) -> Vec<String> {
        let ByHand { before, start, folders: made } = by_hand;
        let folder = self.folder();
        let (notes, before): (Vec<_>, Vec<_>) = before.into_iter().partition(|line| line.starts_with('#'));
        // Nobody else's folder is taken for it: its name can be known beforehand.
        let mut steps = vec![
            format!("umask 077; mkdir -m 700 {folder}"),
            format!("mkdir {folder}/work {folder}/tmp {folder}/in {folder}/elsewhere"),
        ];
        let mut known: BTreeSet<PathBuf> = [&folders.work, &folders.inputs].into_iter().cloned().collect();
        let staged = self.material.staged.iter();
        steps.extend(staged.filter_map(|staged| stage(staged, folders, self.project, &mut known)));
        steps.extend(before);
        steps.push(format!("{start}{}", redirections(self.material, folders)));
        let mut commands = notes;
        commands.extend(steps.iter().any(|step| needs_line_feed(step)).then(|| LINE_FEED.to_owned()));
        let last = steps.len() - 1;
        let joined = |(place, step)| if place < last { format!("{step} &&") } else { step };
        commands.extend(steps.into_iter().enumerate().map(joined));
        let empty = made.iter().map(|folder| folder.to_string_lossy());
        let removed = if made.is_empty() { String::new() } else { format!("; rmdir {}", shell_words(empty)) };
        commands.push(format!("rm -r {folder}{removed}"));
        commands
    }

    fn folder(&self) -> String {
        format!("/dev/shm/by-hand-{}-{}", self.run, self.task)
    }

    /// What the executor would be asked for, with the folders that are made by hand.
    fn launch(&self) -> Launch {
        let material = self.material;
        let path = |name: &str| PathBuf::from(self.folder()).join(name);
        let folders =
            Folders { work: path("work"), temporary: path("tmp"), inputs: path("in"), elsewhere: path("elsewhere") };
        let elsewhere =
            elsewhere(material).map(|staged| MountPoint { path: staged.target.clone(), writable: staged.writable });
        let resources = self.given.unwrap_or_default();
        Launch {
            engine: "by-hand".to_owned(),
            run: self.run.clone(),
            task: self.task,
            command: CommandLine {
                arguments: material.arguments.clone(),
                environment: material.environment.clone(),
                stdin: material.stdin.clone(),
                stdout: material.stdout.clone(),
                stderr: material.stderr.clone(),
                success_codes: material.success_codes.clone(),
                temporary_fail_codes: Vec::new(),
            },
            image: material.image.as_ref().and_then(|image| image.parse().ok()),
            folders,
            work_directory: material.work_directory.clone(),
            elsewhere: elsewhere.collect(),
            log: path("log"),
            gpus: (self.gpus.count() > 0).then(|| self.gpus.first(resources.gpus)),
            resources,
            time_limit: None,
            network: material.network,
        }
    }
}

/// Puts one thing in place, and its folder if that is not made yet; `None` for a path that no executor would take.
fn stage(staged: &Staged, folders: &Folders, project: &ProjectName, made: &mut BTreeSet<PathBuf>) -> Option<String> {
    let place = folders.host_path(&staged.target)?;
    let path = shell_word(&place.to_string_lossy());
    let mut folder_of = |place: &Path| {
        let folder = place.parent().map(Path::to_owned).unwrap_or_default();
        let command = format!("mkdir -p {} && ", shell_word(&folder.to_string_lossy()));
        if made.insert(folder) { command } else { String::new() }
    };
    Some(match (&staged.object, &staged.text) {
        (Some(object), _) => format!("{}sluis export {object} --project {project} --to {path}", folder_of(&place)),
        (None, Some(text)) => format!("{}{} > {path}", folder_of(&place), shell_print(text)),
        (None, None) => {
            made.insert(place);
            format!("mkdir -p {path}")
        }
    })
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

fn on_this_machine(material: &Material, folders: &Folders) -> ByHand {
    let mut command = format!("(cd {} && env -i", folders.work.display());
    if !material.environment.contains_key("PATH") {
        command.push_str(" PATH=\"$PATH\"");
    }
    for (name, value) in &material.environment {
        command.push_str(&format!(" {}", shell_word(&format!("{name}={}", folders.localize(value)))));
    }
    for argument in &material.arguments {
        command.push_str(&format!(" {}", shell_word(&folders.localize(argument))));
    }
    command.push(')');
    ByHand { start: command, ..ByHand::default() }
}

fn redirections(material: &Material, folders: &Folders) -> String {
    let mut text = String::new();
    let mut add = |sign: &str, place: PathBuf| {
        text.push_str(&format!(" {sign} {}", shell_word(&place.to_string_lossy())));
    };
    // A task that is given nothing to read finds the end at once, and not a terminal.
    let nothing = || PathBuf::from("/dev/null");
    add("<", material.stdin.as_ref().and_then(|path| folders.host_path(path)).unwrap_or_else(nothing));
    if let Some(name) = &material.stdout {
        add(">", folders.work.join(name));
    }
    if material.stderr.is_some() && material.stderr == material.stdout {
        text.push_str(" 2>&1");
        return text;
    }
    if let Some(name) = &material.stderr {
        add("2>", folders.work.join(name));
    }
    text
}

/// Why there are no commands, as a shell skips it.
fn cannot_be(error: &ExecutorError) -> String {
    let why = with_causes(error).replace(char::is_control, " ");
    format!("# it cannot be repeated here: {why}")
}
