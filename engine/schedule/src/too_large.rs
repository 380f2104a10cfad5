//! Tasks that ask for more than a machine has.

use sluis_model::{GpuKind, Mebibytes, Resources, Task};

use crate::{allocator::Room, gpus::Gpus};

/// Says that a task asks for more than a machine has in all, and what is nearest; `None` if it has as much.
pub(crate) fn too_large(task: &Task, total: Room, gpus: &Gpus) -> Option<String> {
    let needs = task.resources;
    let kind = task.gpu_kind.as_ref();
    // Only those that will do count.
    let total = Room { gpus: kind.map_or(total.gpus, |kind| gpus.of_kind(kind).count()), ..total };
    let nearest = total.nearest(needs)?;
    let (lower, gpus) = match kind.filter(|_| nearest.gpus < needs.gpus) {
        Some(kind) => ("CUDARequirement", gpus_there(gpus, kind)),
        None => ("ResourceRequirement", String::new()),
    };
    Some(format!(
        "the tool asks for {}; the most that this machine can give it is {}{gpus}; lower its {lower} or run it on a larger \
         machine",
        show(needs, needs.gpus > 0),
        show(nearest, needs.gpus > 0),
    ))
}

fn show(resources: Resources, with_gpus: bool) -> String {
    let cores = resources.cores.0 as f64 / 1000.0;
    let scratch = match resources.scratch {
        Mebibytes(0) => String::new(),
        scratch => format!(" and {scratch} for files (its inputs, tmpdirMin, outdirMin)"),
    };
    let gpus = if with_gpus { format!(" and {} (cudaDeviceCountMin)", gpus_of(resources.gpus)) } else { String::new() };
    format!("{cores} cores (coresMin), {} of memory (ramMin){scratch}{gpus}", resources.memory)
}

/// What GPUs it has, if it has some that will not do.
fn gpus_there(gpus: &Gpus, kind: &GpuKind) -> String {
    match gpus.count() {
        0 => String::new(),
        count => {
            let of_kind = gpus.of_kind(kind).count();
            format!(" ({of_kind} of its {} known to have {kind}; {})", gpus_of(count), gpus.described())
        }
    }
}

/// A number of GPUs with the word.
pub(crate) fn gpus_of(gpus: u32) -> String {
    if gpus == 1 { "1 GPU".to_owned() } else { format!("{gpus} GPUs") }
}
