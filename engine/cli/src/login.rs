//! Who uses the site: the tokens of a login, kept in a file that only this user can read, and what they prove.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use sluis_access::{Caller, Site};
use sluis_identity::{
    Expectations, TokenError, Trust, VerifiedIdentity, Verifier,
    login::{LoginRequest, TokenFileError, TokenFolder, TokenSet},
};
use tokio::runtime::{Builder, Runtime};

use crate::{exit::Exit, failure::Failure, output, service};

/// How long ago somebody may have shown their provider who they are when they log in here. With an older session the
/// provider asks them anew: else logging in again would not make a login any younger.
const FRESH: SignedDuration = SignedDuration::from_hours(1);

/// The request to log in with an issuer: with more than one factor, and for more than a moment.
pub fn request(issuer: &str) -> LoginRequest {
    let scopes = vec!["offline_access".to_owned(), "ga4gh_passport_v1".to_owned()];
    LoginRequest { issuer: issuer.to_owned(), scopes, multi_factor: true }
}

/// What verifies tokens for the site, if it trusts issuers.
pub fn verifier(site: &Site) -> Result<Option<Verifier>, Failure> {
    site.config().identity.clone().map(verifier_of).transpose()
}

/// The same, for a login that begins now.
pub fn verifier_of_new_logins(site: &Site) -> Result<Option<Verifier>, Failure> {
    let trust = site.config().identity.clone().map(|mut trust| {
        trust.issuers.iter_mut().for_each(|issuer| issuer.max_login_age = Some(FRESH));
        trust
    });
    trust.map(verifier_of).transpose()
}

fn verifier_of(trust: Trust) -> Result<Verifier, Failure> {
    Verifier::new(trust).map_err(|error| Failure::of(Exit::Environment, &error))
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
    if let Some(caller) = service::named(&site)? {
        return Ok(site.used_by(caller.from_addresses(own_addresses())));
    }
    let caller = match who(&site, &verifier)? {
        Ok(Some(identity)) => Caller::verified(&identity),
        Ok(None) => {
            output::note("warning: nobody is logged in; log in with `sluis login`");
            Caller::nobody()
        }
        Err(failure) => {
            output::note(&format!("warning: the login cannot be used: {}", failure.text()));
            Caller::nobody()
        }
    };
    Ok(site.used_by(caller.from_addresses(own_addresses())))
}

/// Who is logged in with one of the site's issuers, if anybody is. Tokens that are refused are written down.
///
/// # Errors
/// The outer ones are of what keeps it from being found out, the inner one says why the tokens are refused.
pub fn who(site: &Site, verifier: &Verifier) -> Result<Result<Option<VerifiedIdentity>, Failure>, Failure> {
    let folder = tokens()?;
    match runtime()?.block_on(identity(verifier, &folder)) {
        Ok(identity) => Ok(Ok(identity)),
        Err(Unusable { told, noted }) => {
            site.note_failed_login(&noted)?;
            Ok(Err(told))
        }
    }
}

/// A login that cannot be used: what the person is told of it, and what the audit log is.
struct Unusable {
    told: Failure,
    noted: String,
}

impl Unusable {
    fn refused(failure: Failure) -> Self {
        Self { noted: failure.text(), told: failure }
    }

    fn of_token(error: &TokenError) -> Self {
        let failure = Failure::of(Exit::Refused, error);
        Self { noted: failure.text(), told: Failure::new(Exit::Refused, format!("{error}; {}", error.remedy())) }
    }

    /// Where the file lies on a person's machine is nothing that others need to know.
    fn of_file(error: &TokenFileError) -> Self {
        let noted = match error {
            TokenFileError::Shared { .. } => "others could read or change the file of the tokens",
            TokenFileError::Content(_) => "the file of the tokens was changed: nothing in it can be read",
            _ => "the file of the tokens cannot be used",
        };
        Self { told: Failure::of(Exit::Refused, error), noted: noted.to_owned() }
    }
}

/// The first login that proves who it is; else what is wrong with the first that does not.
async fn identity(verifier: &Verifier, folder: &TokenFolder) -> Result<Option<VerifiedIdentity>, Unusable> {
    let (now, mut unusable) = (Timestamp::now(), None);
    for issuer in &verifier.trust().issuers {
        let found = match folder.load(issuer.issuer.as_str(), &issuer.client_id) {
            Ok(None) => continue,
            Ok(Some(tokens)) => verified(verifier, folder, tokens, now).await,
            Err(error) => Err(Unusable::of_file(&error)),
        };
        match found {
            Ok(identity) => return Ok(Some(identity)),
            Err(error) => drop(unusable.get_or_insert(error)),
        }
    }
    unusable.map_or(Ok(None), Err)
}

/// What the tokens prove; they are renewed if their time is over. Tokens with which anything else is wrong stay refused.
async fn verified(
    verifier: &Verifier,
    folder: &TokenFolder,
    tokens: TokenSet,
    now: Timestamp,
) -> Result<VerifiedIdentity, Unusable> {
    let expected = Expectations::default();
    match verifier.verify(tokens.id_token.reveal(), &expected, now).await {
        Ok(identity) => return Ok(identity),
        Err(TokenError::Expired(_)) if tokens.refresh_token.is_some() => {}
        Err(error) => return Err(Unusable::of_token(&error)),
    }
    let renewed = verifier.refresh(&tokens, now).await;
    let renewed = renewed.map_err(|error| Unusable::refused(Failure::of(Exit::Refused, &error)))?;
    folder.save(&renewed).map_err(|error| Unusable::of_file(&error))?;
    let identity = verifier.verify(renewed.id_token.reveal(), &expected, now).await;
    identity.map_err(|error| Unusable::of_token(&error))
}

/// The addresses of this machine, from which its user works: not those that every machine has.
fn own_addresses() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.iter().filter(|interface| !interface.is_loopback()).map(if_addrs::Interface::ip).collect()
}
