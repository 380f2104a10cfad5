//! One module for each command.

mod access;
mod airlock;
mod audit;
mod completions;
mod crypt;
mod delegation;
mod describe;
mod erase;
mod explain;
mod find;
mod grant;
mod image;
mod init;
mod key;
mod login;
mod logs;
mod objects;
mod plan;
mod provenance;
mod put;
mod registry;
mod report;
mod resume;
pub mod run;
mod status;
mod store;
mod validate;
mod withdraw;

use crate::{
    arguments::{Arguments, Command},
    exit::Exit,
    failure::Failure,
    passphrase, site,
};

/// Carries out the command.
pub fn carry_out(arguments: Arguments) -> Result<Exit, Failure> {
    let Arguments { site, json, passphrase_file, command } = arguments;
    passphrase::comes_from(passphrase_file);
    let folder = match command {
        Command::Completions(_) | Command::Crypt(_) | Command::Image(_) => Default::default(),
        _ => site::folder(site)?,
    };
    match command {
        Command::Init(init) => init::carry_out(&folder, &init),
        Command::Put(put) => put::carry_out(&folder, &put, json),
        Command::Validate(validate) => validate::carry_out(&folder, &validate, json),
        Command::Describe(describe) => describe::carry_out(&folder, &describe, json),
        Command::Run(run) => run::carry_out(&folder, &run, json),
        Command::Resume(resume) => resume::carry_out(&folder, &resume, json),
        Command::Status(status) => status::carry_out(&folder, &status, json),
        Command::Logs(logs) => logs::carry_out(&folder, &logs),
        Command::Plan(plan) => plan::carry_out(&folder, &plan, json),
        Command::Explain(explain) => explain::carry_out(&folder, &explain, json),
        Command::Report(report) => report::carry_out(&folder, &report),
        Command::Ls => objects::list(&folder, json),
        Command::Show(show) => objects::show(&folder, &show, json),
        Command::Export(export) => objects::export(&folder, &export),
        Command::Find(find) => find::carry_out(&folder, &find, json),
        Command::Grant(grant) => grant::grant(&folder, &grant),
        Command::Revoke(grant) => grant::revoke(&folder, &grant),
        Command::Erase(erase) => erase::carry_out(&folder, &erase, json),
        Command::Withdraw(withdraw) => withdraw::carry_out(&folder, &withdraw, json),
        Command::Airlock(airlock) => airlock::carry_out(&folder, airlock, json),
        Command::Access(access) => access::carry_out(&folder, access, json),
        Command::Delegation(delegation) => delegation::carry_out(&folder, delegation, json),
        Command::Registry(registry) => registry::carry_out(&folder, registry),
        Command::Login(login) => login::login(&folder, &login),
        Command::Logout => login::logout(&folder),
        Command::Whoami => login::whoami(&folder, json),
        Command::Provenance(provenance) => provenance::carry_out(&folder, &provenance, json),
        Command::Audit(audit) => audit::carry_out(&folder, &audit, json),
        Command::Store(store) => store::carry_out(&folder, store, json),
        Command::Key(key) => key::carry_out(&folder, key, json),
        Command::Image(image) => image::carry_out(&image, json),
        Command::CwlRunner(mut run) => {
            run.outdir.get_or_insert_with(|| ".".into());
            run::carry_out(&folder, &run, json)
        }
        Command::Crypt(crypt) => crypt::carry_out(&crypt, json),
        Command::Completions(completions) => completions::carry_out(&completions),
    }
}
