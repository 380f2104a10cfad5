//! Tools that ask for GPUs, on this machine and on one with two of them as far as the engine can tell: it sees devices with
//! their names, and a program that tells what they are.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::test_site::{Ran, TestSite};

/// What tells of the GPUs.
const SMI: &str = "#!/bin/sh
one='<gpu id=\"1\"><uuid>GPU-00000000-aaaa</uuid><minor_number>0</minor_number></gpu>'
two='<gpu id=\"2\"><uuid>GPU-11111111-bbbb</uuid><minor_number>1</minor_number></gpu>'
case $1 in
  -q) echo \"<cuda_version>12.2</cuda_version>$one$two\" ;;
  *) echo 'GPU-00000000-aaaa, 7.5'; echo 'GPU-11111111-bbbb, 8.6' ;;
esac
";

/// The command on a machine with two GPUs.
fn with_gpus(site: &TestSite, arguments: &[&str]) -> Command {
    let programs = site.path("programs");
    fs::create_dir_all(&programs).unwrap();
    fs::write(programs.join("nvidia-smi"), SMI).unwrap();
    fs::set_permissions(programs.join("nvidia-smi"), fs::Permissions::from_mode(0o755)).unwrap();
    let command = site.command(arguments);
    let mut within = Command::new("bwrap");
    within.args(["--bind", "/", "/", "--dev", "/dev", "--bind", "/dev/shm", "/dev/shm"]);
    for device in ["nvidia0", "nvidia1", "nvidiactl"] {
        within.args(["--dev-bind", "/dev/null", &format!("/dev/{device}")]);
    }
    within.arg("--").arg(command.get_program()).args(command.get_args());
    within.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    within.env("PATH", format!("{}:{}", programs.display(), std::env::var("PATH").unwrap()));
    within.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    within
}

/// A tool with a requirement or hint, which tells which GPUs it is given and how many it is told of.
fn tool(section: &str, fields: &str) -> String {
    format!(
        "cwlVersion: v1.2\nclass: CommandLineTool\n$namespaces: {{cwltool: 'http://commonwl.org/cwltool#'}}\n{section}:\n  \
         cwltool:CUDARequirement: {{cudaVersionMin: '11.10', {fields}}}\n\
         baseCommand: [sh, -c, 'echo \"$0 <${{CUDA_VISIBLE_DEVICES-unset}}>\"']\narguments: [$(runtime.cudaDeviceCount)]\n\
         inputs: []\noutputs: {{out: {{type: string, outputBinding: {{glob: out, loadContents: true, outputEval: \
         '$(self[0].contents)'}}}}}}\nstdout: out\n"
    )
}

fn ran(site: &TestSite, text: &str) -> Ran {
    let path = site.write("tool.cwl", text);
    Ran::of(&with_gpus(site, &["run", "--no-cache", &path]).output().unwrap())
}

#[test]
fn a_tool_gets_the_gpus_that_it_asks_for() {
    let site = TestSite::new();
    let out = |text: &str| ran(&site, text).json()["out"].as_str().unwrap().to_owned();
    assert_eq!(out(&tool("requirements", "cudaComputeCapability: '8.0'")), "1 <GPU-11111111-bbbb>\n");
    let both = tool("requirements", "cudaComputeCapability: '7.0', cudaDeviceCountMin: 2");
    assert_eq!(out(&both), "2 <GPU-00000000-aaaa,GPU-11111111-bbbb>\n");
    // A hint is taken where there are enough.
    assert_eq!(out(&tool("hints", "cudaComputeCapability: ['7.5', '8.0']")), "1 <GPU-00000000-aaaa>\n");
    assert_eq!(out(&tool("hints", "cudaComputeCapability: '9.0'")), "0 <>\n");
    let path = site.write("tool.cwl", &tool("hints", "cudaComputeCapability: '7.5', cudaDeviceCountMax: 2"));
    let none = site.run(["run", "--no-cache", &path]);
    assert_eq!(none.json()["out"], "0 <unset>\n", "this machine has none");
}

#[test]
fn more_gpus_than_there_are_are_refused_before_anything_runs() {
    let site = TestSite::new();
    let two = tool("requirements", "cudaComputeCapability: '8.0', cudaDeviceCountMin: 2");
    let says = [
        "asks for 1 cores (coresMin), 256 MiB of memory (ramMin) and 2 GPUs (cudaDeviceCountMin)",
        "and 1 GPU (cudaDeviceCountMin)",
        "1 of its 2 GPUs known to have CUDA 11.10 or later, compute capability 8.0 or higher",
        "its driver has CUDA 12.2, compute capabilities are 7.5, 8.6); lower its CUDARequirement",
    ];
    ran(&site, &two).failed(6, &says);
    let path = site.write("tool.cwl", &two);
    Ran::of(&with_gpus(&site, &["plan", &path]).output().unwrap()).failed(6, &says);
    site.run(["plan", &path]).failed(6, &["and 2 GPUs (cudaDeviceCountMin)", "and 0 GPUs (cudaDeviceCountMin)"]);
    site.run_text(&two).failed(6, &["and 0 GPUs (cudaDeviceCountMin)"]);
}

/// Tasks of which each wants a GPU for itself alone, and fails if somebody else has it.
fn workflow(locks: &Path) -> String {
    format!(
        "cwlVersion: v1.2\nclass: Workflow\n$namespaces: {{cwltool: 'http://commonwl.org/cwltool#'}}\n\
         requirements: {{ScatterFeatureRequirement: {{}}}}\n\
         inputs: {{n: 'int[]', salt: string}}\noutputs: {{out: {{type: 'string[]', outputSource: use/out}}}}\nsteps:\n  \
         use:\n    in: {{n: n, salt: salt}}\n    scatter: n\n    out: [out]\n    run:\n      class: CommandLineTool\n      \
         requirements:\n        cwltool:CUDARequirement: {{cudaVersionMin: '11.4', cudaComputeCapability: '7.0'}}\n        \
         ResourceRequirement: {{coresMin: 0.1, ramMin: 1}}\n      \
         baseCommand: [bash, -c, 'mkdir {0}/$CUDA_VISIBLE_DEVICES && for ((n = 0; n < 20000; n++)); do :; done && \
         rmdir {0}/$CUDA_VISIBLE_DEVICES && echo $CUDA_VISIBLE_DEVICES']\n      \
         inputs: {{n: {{type: int, inputBinding: {{}}}}, salt: {{type: string, inputBinding: {{}}}}}}\n      \
         outputs: {{out: {{type: string, outputBinding: {{glob: out, loadContents: true, outputEval: \
         '$(self[0].contents)'}}}}}}\n      stdout: out\n",
        locks.display()
    )
}

#[test]
fn two_runs_at_once_never_have_the_same_gpu() {
    let site = TestSite::new();
    let locks = site.path("locks");
    fs::create_dir(&locks).unwrap();
    let path = site.write("workflow.cwl", &workflow(&locks));
    let runs = ["a", "b"].map(|salt| {
        let inputs = site.write(&format!("{salt}.yml"), &format!("n: [1, 2, 3, 4, 5, 6]\nsalt: {salt}\n"));
        let trace = site.path(&format!("{salt}.tsv"));
        with_gpus(&site, &["run", "--trace", trace.to_str().unwrap(), &path, &inputs]).spawn().unwrap()
    });
    for run in runs {
        let out = Ran::of(&run.wait_with_output().unwrap()).json();
        let out = out["out"].as_array().unwrap();
        assert_eq!(out.len(), 6);
        let names = ["GPU-00000000-aaaa\n", "GPU-11111111-bbbb\n"];
        assert!(out.iter().all(|name| names.contains(&name.as_str().unwrap())), "{out:?}");
    }
    let trace = fs::read_to_string(site.path("a.tsv")).unwrap();
    let column = trace.lines().next().unwrap().split('\t').position(|name| name == "accelerator").unwrap();
    assert!(trace.lines().skip(1).all(|line| line.split('\t').nth(column) == Some("1")), "{trace}");
    let plan = site.write("a.yml", "n: [7]\nsalt: a\n");
    let told = Ran::of(&with_gpus(&site, &["plan", &path, &plan]).output().unwrap());
    assert!(told.out.contains("0.1 cores, 1 MiB, 1 GPU"), "{}{}", told.out, told.err);
}

#[test]
fn what_waits_for_a_gpu_says_so() {
    let site = TestSite::new();
    let gate = site.path("gate");
    let text = format!(
        "cwlVersion: v1.2\nclass: Workflow\n$namespaces: {{cwltool: 'http://commonwl.org/cwltool#'}}\n\
         requirements: {{ScatterFeatureRequirement: {{}}}}\ninputs: {{n: {{type: 'int[]', default: [1, 2]}}}}\n\
         outputs: []\nsteps:\n  wide:\n    in: {{n: n}}\n    scatter: n\n    out: []\n    run:\n      \
         class: CommandLineTool\n      baseCommand: [sh, -c, 'touch {0}.begun; while [ ! -e {0} ]; do sleep 0.01; done']\n      \
         requirements:\n        cwltool:CUDARequirement: {{cudaVersionMin: '11.4', cudaComputeCapability: '7.0', \
         cudaDeviceCountMin: 2}}\n        ResourceRequirement: {{coresMin: 0.1, ramMin: 1}}\n      \
         inputs: {{n: {{type: int, inputBinding: {{}}}}}}\n      outputs: []\n",
        gate.display()
    );
    let path = site.write("workflow.cwl", &text);
    let child = with_gpus(&site, &["run", &path]).spawn().unwrap();
    let begun = Instant::now();
    let wait = |what: &str| {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        sleep(Duration::from_millis(10));
    };
    while !site.path("gate.begun").exists() {
        wait("no task begins");
    }
    let run = fs::read_dir(site.site().join("runs")).unwrap().next().unwrap().unwrap().file_name();
    let explain = |step| Ran::of(&with_gpus(&site, &["explain", run.to_str().unwrap(), step]).output().unwrap()).out;
    // Which of the two asks first is up to chance.
    let (told, holder) = loop {
        let mut told = [("wide[1]", "wide[0]"), ("wide[0]", "wide[1]")]
            .map(|(waits, runs)| (explain(waits), format!("are held by `{runs}`")))
            .into_iter();
        match told.find(|(told, holder)| told.contains(holder)) {
            Some(found) => break found,
            None => wait("neither waits for the other"),
        }
    };
    for text in ["0.1 cores, 1 MiB and 2 GPUs", "and 2 GPUs for tasks", "and 0 GPUs are free", &holder] {
        assert!(told.contains(text), "{text} is missing in\n{told}");
    }
    fs::write(&gate, "").unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}
