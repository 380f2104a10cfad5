//! `cwltool:CUDARequirement`, as a requirement and as a hint.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::{fs, sync::Arc};

use sluis_cwl::{BindError, BoundTool, CommandLineTool, Contents, Evaluator, Process, bind_on, load};
use sluis_model::{ComputeCapability, File, GpuKind, Value, Values};

struct NoText;

impl Contents for NoText {
    fn text(&self, _file: &File) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        Err("nothing is read".into())
    }
}

/// A tool that tells how many GPUs it has, with this requirement or hint.
fn tool(section: &str, fields: &str) -> Arc<CommandLineTool> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tool.cwl");
    let text = format!(
        "cwlVersion: v1.2\nclass: CommandLineTool\n$namespaces: {{cw: 'http://commonwl.org/cwltool#'}}\n\
         requirements: {{InlineJavascriptRequirement: {{}}{required}}}\nhints: {{{hinted}}}\n\
         baseCommand: echo\narguments: [$(runtime.cudaDeviceCount)]\ninputs: {{n: int?}}\noutputs: []\n",
        required = if section == "requirements" { format!(", {fields}") } else { String::new() },
        hinted = if section == "hints" { fields } else { "" },
    );
    fs::write(&path, text).unwrap();
    match load(path.to_str().unwrap()) {
        Ok(loaded) => match loaded.process {
            Process::CommandLineTool(tool) => tool,
            other => panic!("{other:?}"),
        },
        Err(problems) => panic!("{problems}"),
    }
}

fn cuda(more: &str) -> String {
    format!("'cw:CUDARequirement': {{cudaVersionMin: '11.4', cudaComputeCapability: '7.5'{more}}}")
}

/// Binds it on a machine with so many GPUs, all of which will do.
fn bound(section: &str, more: &str, on: u32) -> Result<BoundTool, BindError> {
    let inputs = Values::from([("n".to_owned(), Value::Integer(3))]);
    let offer = |count: u32, kind: &GpuKind| {
        assert_eq!(kind.to_string(), "CUDA 11.4 or later, compute capability 7.5 or higher");
        count <= on
    };
    bind_on(&tool(section, &cuda(more)), inputs, &Evaluator::default(), &NoText, &offer)
}

/// How many GPUs the task is given, and what it is told of them.
fn given(section: &str, more: &str, on: u32) -> (u32, String) {
    let task = bound(section, more, on).unwrap().task;
    assert_eq!(task.gpu_kind.is_some(), task.resources.gpus > 0);
    (task.resources.gpus, task.command.arguments[1].clone())
}

#[test]
fn a_requirement_asks_for_the_least_that_it_names() {
    for (more, count) in [
        ("", 1),
        (", cudaDeviceCountMin: 2", 2),
        (", cudaDeviceCountMax: 4", 4),
        (", cudaDeviceCountMin: 2, cudaDeviceCountMax: 4", 2),
        (", cudaDeviceCountMin: $(inputs.n)", 3),
        (", cudaDeviceCountMin: '${return inputs.n + 1;}'", 4),
        (", cudaDeviceCountMin: 0", 0),
    ] {
        assert_eq!(given("requirements", more, 0), (count, count.to_string()), "{more}");
    }
    let reversed = bound("requirements", ", cudaDeviceCountMin: 3, cudaDeviceCountMax: 2", 9);
    let text = reversed.unwrap_err().to_string();
    assert_eq!(text, "CUDARequirement asks for at least 3 and at most 2 of cudaDeviceCount");
    let negative = bound("requirements", ", cudaDeviceCountMin: -1", 9).unwrap_err().to_string();
    assert_eq!(negative, "CUDARequirement.cudaDeviceCountMin must not be -1");
}

#[test]
fn a_hint_is_taken_where_there_are_enough() {
    assert_eq!(given("hints", ", cudaDeviceCountMin: 2", 2), (2, "2".to_owned()));
    assert_eq!(given("hints", ", cudaDeviceCountMin: 2", 1), (0, "0".to_owned()));
    assert_eq!(given("hints", "", 0), (0, "0".to_owned()));
}

#[test]
fn a_list_of_capabilities_is_exact() {
    let fields = "'cw:CUDARequirement': {cudaVersionMin: '11.4', cudaComputeCapability: ['7.5', '8.6']}";
    let tool = tool("requirements", fields);
    let kind = &tool.requirements.cuda.as_ref().unwrap().kind;
    assert!(matches!(&kind.capability, ComputeCapability::OneOf(all) if all.len() == 2), "{kind:?}");
}

#[test]
fn gpus_enter_the_task_key_only_where_the_command_or_its_outputs_see_them() {
    let key = |bound: BoundTool| bound.task.key_material(None);
    let plain = |more: &str| {
        let mut tool = CommandLineTool::clone(&tool("requirements", &cuda(more)));
        tool.arguments.clear();
        key(bind_on(&Arc::new(tool), Values::new(), &Evaluator::default(), &NoText, &|_, _| true).unwrap())
    };
    assert_eq!(plain(""), plain(", cudaDeviceCountMin: 2"), "as for cores and memory");
    let told = |more: &str| key(bound("requirements", more, 0).unwrap());
    assert_ne!(told(""), told(", cudaDeviceCountMin: 2"), "the command is another");
}
