//! Who uses the site: the tokens of a login, kept in a file that only this user can read, and what they prove.

use std::net::IpAddr;

use jiff::Timestamp;
use sluis_access::{Caller, Site};
use sluis_identity::{
    Expectations, VerifiedIdentity, Verifier,
    login::{LoginRequest, TokenFolder, TokenSet},
};
use tokio::runtime::{Builder, Runtime};

use crate::{exit::Exit, failure::Failure, output};

/// The request to log in with an issuer: with more than one factor, and for more than a moment.
pub fn request(issuer: &str) -> LoginRequest {
    let scopes = vec!["offline_access".to_owned(), "ga4gh_passport_v1".to_owned()];
    LoginRequest { issuer: issuer.to_owned(), scopes, multi_factor: true }
}

/// What verifies tokens for the site, if it trusts issuers.
pub fn verifier(site: &Site) -> Result<Option<Verifier>, Failure> {
    let trust = site.config().identity.clone();
    trust.map(Verifier::new).transpose().map_err(|error| Failure::of(Exit::Environment, &error))
}

/// A runtime for what is asked of issuers.
pub fn runtime() -> Result<Runtime, Failure> {
    Builder::new_current_thread().enable_all().build().map_err(|error| Failure::of(Exit::Environment, &error))
}

/// Where this user's tokens are: in the folder of their programs' state.
pub fn tokens() -> Result<TokenFolder, Failure> {
    use etcetera::BaseStrategy;
    let strategy = etcetera::choose_base_strategy().map_err(|error| {
        Failure::new(Exit::Environment, format!("the user's folder for tokens is unknown ({error})"))
    })?;
    let state = strategy.state_dir().unwrap_or_else(|| strategy.data_dir());
    Ok(TokenFolder::at(state.join("sluis/tokens")))
}

/// The site, used by who is logged in. Whoever is not, or whose tokens do not verify, is nobody: the decisions say so.
pub fn sign_in(site: Site) -> Result<Site, Failure> {
    let Some(verifier) = verifier(&site)? else { return Ok(site) };
    let caller = match runtime()?.block_on(identity(&verifier)) {
        Ok(Some(identity)) => Caller::verified(&identity),
        Ok(None) => Caller::nobody(),
        Err(failure) => {
            site.note_failed_login(&failure.text())?;
            output::note(&format!("warning: the login cannot be used: {}", failure.text()));
            Caller::nobody()
        }
    };
    Ok(site.used_by(caller.from_addresses(own_addresses())))
}

/// Who is logged in with one of the site's issuers.
pub async fn identity(verifier: &Verifier) -> Result<Option<VerifiedIdentity>, Failure> {
    let (folder, now) = (tokens()?, Timestamp::now());
    for issuer in &verifier.trust().issuers {
        let found = folder.load(issuer.issuer.as_str(), &issuer.client_id);
        let Some(tokens) = found.map_err(|error| Failure::of(Exit::Environment, &error))? else { continue };
        return verified(verifier, &folder, tokens, now).await.map(Some);
    }
    Ok(None)
}

/// What the tokens prove; they are renewed if their time is over.
async fn verified(
    verifier: &Verifier,
    folder: &TokenFolder,
    tokens: TokenSet,
    now: Timestamp,
) -> Result<VerifiedIdentity, Failure> {
    let expected = Expectations::default();
    match verifier.verify(tokens.id_token.reveal(), &expected, now).await {
        Ok(identity) => return Ok(identity),
        Err(error) if tokens.refresh_token.is_none() => return Err(Failure::of(Exit::Refused, &error)),
        Err(_) => {}
    }
    let renewed = verifier.refresh(&tokens, now).await.map_err(|error| Failure::of(Exit::Refused, &error))?;
    folder.save(&renewed).map_err(|error| Failure::of(Exit::Environment, &error))?;
    let identity = verifier.verify(renewed.id_token.reveal(), &expected, now).await;
    identity.map_err(|error| Failure::of(Exit::Refused, &error))
}

/// The addresses of this machine, from which its user works: not those that every machine has.
fn own_addresses() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.iter().filter(|interface| !interface.is_loopback()).map(if_addrs::Interface::ip).collect()
}
