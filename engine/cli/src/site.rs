//! Finding the site's folder, and making a personal site on first use.

use std::{
    env, io,
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use etcetera::BaseStrategy;
use sluis_access::{RegistryInForce, Rule, Site, SiteConfig};
use sluis_bucket::BucketConfig;
use sluis_model::EuCountry;

use crate::{exit::Exit, failure::Failure, login, output, passphrase};

/// The site's folder: `--site`, else SLUIS_SITE, else `sluis` in the user's data folder.
pub fn folder(given: Option<PathBuf>) -> Result<PathBuf, Failure> {
    if let Some(folder) = given.or_else(|| env::var_os("SLUIS_SITE").map(PathBuf::from)) {
        return Ok(folder);
    }
    let strategy = etcetera::choose_base_strategy().map_err(|error| {
        Failure::new(Exit::Environment, format!("the user's data folder is unknown ({error}); give --site DIR"))
    })?;
    Ok(strategy.data_dir().join("sluis"))
}

/// Opens the site; there must be one.
pub fn open(folder: &Path) -> Result<Arc<Site>, Failure> {
    if !Site::exists(folder) {
        let text = format!(
            "there is no site at {}; make one with `sluis init --country XX`, where XX is the EU country in which \
             this machine stands",
            folder.display()
        );
        return Err(Failure::new(Exit::Environment, text));
    }
    let site = login::sign_in(unlocked(folder)?)?;
    if let Ok(in_force) = site.in_force() {
        warn_of_registry(&in_force);
        site.note_refused_registry(&in_force)?;
    }
    Ok(Arc::new(site))
}

/// A registry that is not valid is not in force: neither is what it takes back.
fn warn_of_registry(in_force: &RegistryInForce) {
    let Some(problems) = &in_force.problems else { return };
    output::note(&format!(
        "warning: the registry is not valid, so its last valid state stays in force; `sluis registry check` shows what is \
         wrong ({} problem(s))",
        problems.iter().count()
    ));
    if !in_force.not_yet_withdrawn.is_empty() {
        output::note(&format!(
            "warning: the new state takes consents back, which therefore still hold: {}; mend the registry now, or \
             withdraw a subject's consent with `sluis withdraw`, which counts at once",
            in_force.not_yet_withdrawn.join(", ")
        ));
    }
}

/// Tells what has to be done in return for what was permitted.
pub fn tell_duties(site: &Site) {
    for duty in site.duties() {
        output::note(&format!("The terms of the data ask for this: {duty}."));
    }
}

/// The site as nobody uses it yet, its key opened with its passphrase if it has one.
pub fn unlocked(folder: &Path) -> Result<Site, Failure> {
    Ok(Site::open_with(folder, &passphrase::give)?)
}

/// Opens the site, or makes a personal one after asking in which country the machine stands.
pub fn open_or_make(folder: &Path) -> Result<Arc<Site>, Failure> {
    if Site::exists(folder) || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return open(folder);
    }
    output::note(&format!("There is no site at {} yet: this makes a personal one.", folder.display()));
    let country = ask_country()?;
    make(folder, "personal", country, Rule::Refuse, None)
}

/// Makes a personal site and says so.
pub fn make(
    folder: &Path,
    name: &str,
    country: EuCountry,
    swap: Rule,
    bucket: Option<BucketConfig>,
) -> Result<Arc<Site>, Failure> {
    let config = SiteConfig {
        name: name.to_owned(),
        country,
        unencrypted_swap: swap,
        network_access: Rule::Refuse,
        local_executor: Rule::Refuse,
        executors: Default::default(),
        containers: Default::default(),
        remote_hosts: Vec::new(),
        quota: None,
        bucket,
        retries: Default::default(),
        resume_within: Default::default(),
        docker_patience: Default::default(),
        identity: None,
    };
    let site = Site::create(folder, &config)?;
    output::note(&format!(
        "Made the site `{name}` at {}: its machines stand in {} ({country}), its key is keys/site.sec (keep a copy \
         in a safe place: without it nothing sealed here can be read), its projects and datasets are declared in \
         registry/.",
        folder.display(),
        country.name(),
    ));
    Ok(Arc::new(site))
}

fn ask_country() -> Result<EuCountry, Failure> {
    let failed = |error: io::Error| Failure::of(Exit::Environment, &error);
    loop {
        write!(io::stderr(), "In which EU country does this machine stand (two letters, for example NL)? ")
            .map_err(failed)?;
        let mut answer = String::new();
        if io::stdin().read_line(&mut answer).map_err(failed)? == 0 {
            return Err(Failure::new(Exit::Usage, "no country was given, so no site was made"));
        }
        match answer.trim().parse() {
            Ok(country) => return Ok(country),
            Err(error) => output::note(&error.to_string()),
        }
    }
}
