//! The commands that start a launch in the sandbox by hand: the same `bwrap`, with the same filters and limits.

use std::{
    io::{self, Write},
    path::Path,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};
use sluis_executor::{ByHand, CommandUser, ExecutorError, Launch, shell_word, shell_words};

use crate::{
    Ground,
    bubblewrap::descriptor,
    cgroup::{Cgroups, GroupByHand, Limits},
    command::machine,
    compile_filters,
    images::Image,
    lifecycle::limits,
    plan::words_by_hand,
    start::{few_processes, processors},
};

/// The commands.
pub(crate) fn of_launch(
    ground: &Ground,
    launch: &Launch,
    image: &Image,
    is_limited: bool,
) -> Result<ByHand, ExecutorError> {
    let fault = |source| machine(launch, "tell how to repeat", source);
    let folder = launch.folders.work.parent().unwrap_or(&launch.folders.work);
    let mut by_hand = ByHand { before: write_filters(folder, fault)?, ..ByHand::default() };
    let limits = limits(launch);
    let mut words = match ground.cgroups().filter(|_| is_limited) {
        Some(groups) => {
            by_hand.start = enter_group(launch, groups, limits, &mut by_hand).map_err(fault)?;
            Vec::new()
        }
        None => limit_without_groups(limits, is_limited, &mut by_hand).map_err(fault)?,
    };
    words.push(ground.bubblewrap()?.to_string_lossy().into_owned());
    words.extend(words_by_hand(launch, image, CommandUser::of_commands())?);
    let filters: String =
        descriptor::FILTERS.iter().map(|number| format!(" {number}< {}", filter_word(folder, *number))).collect();
    by_hand.start = format!("({}exec {}{filters})", by_hand.start, shell_words(words));
    Ok(by_hand)
}

/// Commands that write the filters of system calls into files, from which `bwrap` reads them.
fn write_filters(folder: &Path, fault: impl Fn(io::Error) -> ExecutorError) -> Result<Vec<String>, ExecutorError> {
    let mut commands = Vec::new();
    for (number, program) in descriptor::FILTERS.into_iter().zip(compile_filters()?) {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        let packed = packer.write_all(&program).and_then(|()| packer.finish()).map_err(&fault)?;
        let text = BASE64_STANDARD.encode(packed);
        commands.push(format!("printf %s {text} | base64 -d | gunzip > {}", filter_word(folder, number)));
    }
    Ok(commands)
}

fn filter_word(folder: &Path, number: i32) -> String {
    shell_word(&folder.join(format!("filter-{number}")).to_string_lossy())
}

/// Has a control group made, and gives what moves a shell into it.
fn enter_group(launch: &Launch, groups: &Cgroups, limits: Limits, by_hand: &mut ByHand) -> io::Result<String> {
    let GroupByHand { folders, settings } =
        groups.by_hand(&format!("by-hand-{}-{}", launch.run, launch.task), limits)?;
    let names: Vec<_> = folders.iter().map(|folder| folder.to_string_lossy()).collect();
    by_hand.before.push(format!("mkdir -p {}", shell_words(&names)));
    for (file, value) in settings {
        by_hand.before.push(format!("echo {value} > {}", shell_word(&file.to_string_lossy())));
    }
    // A process that writes 0 moves itself, in both versions. Outside of its group it is not to run.
    let enter = |name| format!("echo 0 > {} && ", shell_word(&format!("{name}/cgroup.procs")));
    let entered = names.iter().map(enter).collect();
    by_hand.folders = folders;
    Ok(entered)
}

/// The words before `bwrap` that limit processors and processes where there are no control groups. Memory is what the
/// engine watches then, and nobody does so by hand.
fn limit_without_groups(limits: Limits, is_limited: bool, by_hand: &mut ByHand) -> io::Result<Vec<String>> {
    let mut words = Vec::from(few_processes(limits.processes));
    if is_limited {
        let chosen: Vec<_> = processors(limits.cores)?.iter().map(usize::to_string).collect();
        words.extend(["taskset".to_owned(), "--cpu-list".to_owned(), chosen.join(",")]);
        by_hand
            .before
            .push(format!("# nothing here limits its memory, as its task's was limited, to {} bytes", limits.memory));
    }
    Ok(words)
}
