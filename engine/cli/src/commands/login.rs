//! `sluis login`, `sluis logout` and `sluis whoami`

use std::path::Path;

use jiff::Timestamp;
use serde_json::json;
use sluis_access::{HeldVisa, Registry};
use sluis_identity::{RefusedVisa, VerifiedIdentity, Verifier, login::LoggedIn};

use crate::{
    arguments::Login,
    exit::Exit,
    failure::Failure,
    login::{Known, request, runtime, tokens, verifier, verifier_of_new_logins, who},
    output, site,
};

/// Logs in with an issuer that the site trusts, and keeps the tokens.
pub fn login(folder: &Path, login: &Login) -> Result<Exit, Failure> {
    let site = site::unlocked(folder)?;
    let verifier = verifier_of_new_logins(&site)?.ok_or_else(needs_no_login)?;
    let issuer = issuer(&verifier, login.issuer.as_deref())?;
    let logged_in = runtime()?.block_on(async {
        if login.device { on_device(&verifier, &issuer).await } else { in_browser(&verifier, &issuer).await }
    });
    let logged_in = match logged_in {
        Ok(logged_in) => logged_in,
        Err(failure) => {
            site.note_failed_login(&failure.text())?;
            return Err(failure);
        }
    };
    let known = runtime()?.block_on(Known::new(&verifier, logged_in.identity, &logged_in.tokens));
    site.note_login(&known.caller())?;
    tokens()?.save(&logged_in.tokens).map_err(|error| Failure::of(Exit::Environment, &error))?;
    output::note(&welcome(&*site.registry()?, &known.identity));
    tell_visas(&known);
    Ok(Exit::Success)
}

/// Forgets the tokens of every issuer that the site trusts.
pub fn logout(folder: &Path) -> Result<Exit, Failure> {
    let site = site::unlocked(folder)?;
    let verifier = verifier(&site)?.ok_or_else(needs_no_login)?;
    let folder = tokens()?;
    for issuer in &verifier.trust().issuers {
        let removed = folder.remove(issuer.issuer.as_str(), &issuer.client_id);
        removed.map_err(|error| Failure::of(Exit::Environment, &error))?;
    }
    output::note("The tokens of this site's issuers are removed.");
    Ok(Exit::Success)
}

/// Says who is logged in, and as whom the registry knows them.
pub fn whoami(folder: &Path, json: bool) -> Result<Exit, Failure> {
    let site = site::unlocked(folder)?;
    let Some(verifier) = verifier(&site)? else {
        output::line("self");
        output::note("This is a personal site: nobody else vouches for who uses it.");
        return Ok(Exit::Success);
    };
    let Some(known) = who(&site, &verifier)?? else {
        return Err(Failure::new(Exit::Refused, "nobody is logged in; log in with `sluis login`"));
    };
    let identity = &known.identity;
    let registry = site.registry()?;
    let name = registry.person_of(identity.issuer(), identity.subject());
    if json {
        output::json(&json!({
            "person": name,
            "issuer": identity.issuer(),
            "subject": identity.subject(),
            "multi-factor": identity.mfa(),
            "logged-in": identity.auth_time(),
            "visas": visas(&known),
            "visas-set-aside": set_aside(&known),
        }));
        return Ok(Exit::Success);
    }
    output::line(name.unwrap_or("not in the registry"));
    let factors = if identity.mfa() { "more than one factor" } else { "one factor" };
    let when = identity.auth_time().map_or_else(|| "at a time that is not known".to_owned(), |at| format!("{at:.0}"));
    output::note(&format!("{}, logged in with {factors}, {when}", identity.person()));
    tell_visas(&known);
    Ok(Exit::Success)
}

/// The visas that count.
fn visas(known: &Known) -> Vec<HeldVisa> {
    known.passport.iter().flatten().flat_map(|passport| &passport.visas).map(HeldVisa::from).collect()
}

/// Why others do not, or why there are none.
fn set_aside(known: &Known) -> Vec<String> {
    match &known.passport {
        None => Vec::new(),
        Some(Err(error)) => vec![Failure::of(Exit::Refused, error).text()],
        Some(Ok(passport)) => {
            let told = |visa: &RefusedVisa| format!("{visa}: {}; {}", visa.reason, visa.reason.remedy());
            passport.refused.iter().map(told).collect()
        }
    }
}

fn tell_visas(known: &Known) {
    for visa in visas(known) {
        output::note(&format!("visa: {} of {}, until {:.0}", visa.kind, visa.source, visa.expires));
    }
    for text in set_aside(known) {
        output::note(&format!("warning: {text}"));
    }
}

fn needs_no_login() -> Failure {
    Failure::new(Exit::Usage, "this is a personal site, which needs no login; site.yaml names no `identity`")
}

/// Somebody whom the registry does not know yet is told how it could.
fn welcome(registry: &Registry, identity: &VerifiedIdentity) -> String {
    match registry.person_of(identity.issuer(), identity.subject()) {
        Some(name) => format!("Logged in as {name}: {}.", identity.person()),
        None => format!(
            "Logged in as {}. The registry does not know you, so everything will be refused: have yourself declared in \
             registry/people.yaml, with `issuer` and `subject` as they stand here.",
            identity.person()
        ),
    }
}

fn issuer(verifier: &Verifier, given: Option<&str>) -> Result<String, Failure> {
    let known: Vec<_> = verifier.trust().issuers.iter().map(|issuer| issuer.issuer.as_str()).collect();
    match (given, &*known) {
        (Some(given), _) => Ok(given.to_owned()),
        (None, [only]) => Ok((*only).to_owned()),
        (None, _) => Err(Failure::new(Exit::Usage, format!("give --issuer, one of {}", known.join(", ")))),
    }
}

async fn in_browser(verifier: &Verifier, issuer: &str) -> Result<LoggedIn, Failure> {
    let failed = |error| Failure::of(Exit::Refused, &error);
    let login = verifier.begin_browser_login(&request(issuer), Timestamp::now()).await.map_err(failed)?;
    output::note(&format!("Open this address in the browser of this machine:\n{}", login.address()));
    login.finish(Timestamp::now).await.map_err(failed)
}

async fn on_device(verifier: &Verifier, issuer: &str) -> Result<LoggedIn, Failure> {
    let failed = |error| Failure::of(Exit::Refused, &error);
    let login = verifier.begin_device_login(&request(issuer), Timestamp::now()).await.map_err(failed)?;
    output::note(&format!("Open {} on any device and enter the code {}.", login.address(), login.user_code()));
    login.finish(Timestamp::now).await.map_err(failed)
}
