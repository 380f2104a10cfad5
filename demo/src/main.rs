//! `cargo demo`: fetches real reads, seals them, aligns them, calls variants in containers, compares them with the
//! truth, and shows where each result came from.

mod show;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::Parser;
use serde_json::json;
use sluis_access::{Rule, Site, SiteConfig};
use sluis_cli::{Arguments, ContainerExecutor, Exit, Failure, run_workflow};
use sluis_containers::{ContainersError, DemonstrationData, Stage};
use sluis_model::EuCountry;
use sluis_schedule::RunState;

/// The image that the workflow's tools run in.
const IMAGE: &str = "genomics";

fn main() -> ExitCode {
    sluis_cli::refuse_core_dumps();
    match demonstrate() {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.print(false);
            failure.exit.into()
        }
    }
}

fn demonstrate() -> Result<Exit, Failure> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let folder = repository.join("target/demo");
    let lacking = |error: &(dyn std::error::Error + 'static)| Failure::of(Exit::Environment, error);
    fs::create_dir_all(&folder).map_err(|error| lacking(&error))?;
    let site = site(&folder.join("site"))?;
    let container = ContainerExecutor::choose(&site, None);
    provide_image(container)?;
    let data = sluis_containers::demonstration_data().map_err(|error| lacking(&error))?;
    let inputs = write_inputs(&folder, &data).map_err(|error| lacking(&error))?;
    let workflow = repository.join("workflows/demonstration.cwl");
    let arguments = Arguments::parse_from([Path::new("sluis"), Path::new("run"), workflow.as_path(), inputs.as_path()]);
    let sluis_cli::Command::Run(mut run) = arguments.command else { return Ok(Exit::Internal) };
    run.executor = Some(container);
    let outcome = run_workflow(&site, &run, false)?;
    show::note(&sluis_cli::summary(&outcome));
    match (&outcome.result.state, &outcome.result.outputs) {
        (RunState::Complete, Some(outputs)) => show::results(repository, &site, &run.project, &outcome, outputs)?,
        _ => return Ok(outcome.result.failure.as_ref().map_or(Exit::Canceled, sluis_cli::exit_of)),
    }
    Ok(Exit::Success)
}

/// Sees to it that what runs the tools has their image.
fn provide_image(container: ContainerExecutor) -> Result<(), Failure> {
    let tell = |stage| {
        show::note(match stage {
            Stage::Build => "Building the tool image from pinned Debian packages (once; about half a minute) …",
            Stage::Load => "Loading the tool image into Docker …",
        });
    };
    let lacking = |error: ContainersError| Failure::of(Exit::Environment, &error);
    if container == ContainerExecutor::Docker {
        return sluis_containers::ensure_telling(IMAGE, &tell).map(drop).map_err(lacking);
    }
    let (images, reference) = (sluis_cli::images()?, sluis_containers::reference(IMAGE).map_err(lacking)?);
    if images.find(&reference.name)? != reference.id {
        let archive = sluis_containers::archive(IMAGE, &tell).map_err(lacking)?;
        show::note("Unpacking the tool image for the sandbox, for no Docker daemon answers …");
        images.load(&archive)?;
    }
    Ok(())
}

fn write_inputs(folder: &Path, data: &DemonstrationData) -> io::Result<PathBuf> {
    let file = |path: &Path, format: &str| json!({ "class": "File", "path": path, "format": format!("http://edamontology.org/{format}") });
    let inputs = json!({
        "reads": file(&data.reads_bam, "format_2572"),
        "reference": file(&data.reference_fasta, "format_1929"),
        "truth": file(&data.truth_vcf, "format_3016"),
        "sample": "NA12878",
    });
    let path = folder.join("inputs.json");
    fs::write(&path, format!("{inputs:#}\n"))?;
    Ok(path)
}

/// The demonstration's own site. Its reads are published data, so it may work beside unencrypted swap.
fn site(folder: &Path) -> Result<Arc<Site>, Failure> {
    if Site::exists(folder) {
        return Ok(Arc::new(Site::open(folder)?));
    }
    let config = SiteConfig {
        name: "demonstration".to_owned(),
        country: EuCountry::NL,
        unencrypted_swap: Rule::Allow,
        network_access: Rule::Refuse,
        local_executor: Rule::Refuse,
        executors: Default::default(),
        containers: Default::default(),
        remote_hosts: Vec::new(),
        quota: None,
        bucket: None,
        retries: Default::default(),
        resume_within: Default::default(),
        docker_patience: Default::default(),
        identity: None,
    };
    show::note(&format!(
        "Making a site for the demonstration at {}; it states that this machine stands in NL.",
        folder.display()
    ));
    Ok(Arc::new(Site::create(folder, &config)?))
}
