//! Who uses the site: the tokens of a login, kept in a file that only this user can read, and what they prove.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use sluis_access::{Caller, Site};
use sluis_identity::{
    Expectations, FetchError, Passport, PassportError, TokenError, Trust, VerifiedIdentity, Verifier,
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
    site.config().identity.clone().map(|identity| verifier_of(identity.trust)).transpose()
}

/// The same, for a login that begins now.
pub fn verifier_of_new_logins(site: &Site) -> Result<Option<Verifier>, Failure> {
    let trust = site.config().identity.clone().map(|mut identity| {
        identity.trust.issuers.iter_mut().for_each(|issuer| issuer.max_login_age = Some(FRESH));
        identity.trust
    });
    // One ID token proves one login, whichever process it is shown to.
    let remembering = |verifier: Verifier| verifier.remembering_in(site.used_tokens_dir());
    trust.map(|trust| verifier_of(trust).map(remembering)).transpose()
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
        Ok(Some(known)) => {
            known.warn();
            known.caller()
        }
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
pub fn who(site: &Site, verifier: &Verifier) -> Result<Result<Option<Known>, Failure>, Failure> {
    let folder = tokens()?;
    match runtime()?.block_on(known(verifier, &folder)) {
        Ok(known) => Ok(Ok(known)),
        Err(Unusable { told, noted }) => {
            site.note_failed_login(&noted)?;
            Ok(Err(told))
        }
    }
}

/// Somebody whose tokens are good, and their passport, if the site looks at those of their issuer.
pub struct Known {
    pub identity: VerifiedIdentity,
    pub passport: Option<Result<Passport, PassportError>>,
}

impl Known {
    /// Whose tokens were just verified, with the passport that these give.
    pub async fn new(verifier: &Verifier, identity: VerifiedIdentity, tokens: &TokenSet) -> Self {
        let mut issuers = verifier.trust().issuers.iter();
        let is_broker = issuers.any(|issuer| issuer.passport_broker && issuer.issuer.as_str() == identity.issuer());
        let passport = async || verifier.passport_of(&identity, &tokens.access_token, Timestamp::now()).await;
        let passport = if is_broker { Some(passport().await) } else { None };
        Self { identity, passport }
    }

    /// The same, of a login that is not new: the access token that fetches the passport may be over before the ID token
    /// is, and is renewed then.
    async fn renewed(verifier: &Verifier, folder: &TokenFolder, identity: VerifiedIdentity, tokens: &TokenSet) -> Self {
        let known = Self::new(verifier, identity, tokens).await;
        // By RFC 6750, section 3.1, it is 401 that says so; some providers answer 400.
        let is_over =
            matches!(known.passport, Some(Err(PassportError::Fetch(FetchError::Status { status: 400 | 401, .. }))));
        if is_over
            && let Ok(renewed) = verifier.refresh(tokens, Timestamp::now()).await
            && folder.save(&renewed).is_ok()
        {
            return Self::new(verifier, known.identity, &renewed).await;
        }
        known
    }

    /// Who uses the site then.
    pub fn caller(&self) -> Caller {
        let caller = Caller::verified(&self.identity);
        match &self.passport {
            Some(passport) => caller.with_passport(passport.as_ref()),
            None => caller,
        }
    }

    /// Tells that there is no passport where there could be one. Visas that do not count are told by `sluis whoami`:
    /// many a passport has visas for others.
    fn warn(&self) {
        if let Some(Err(error)) = &self.passport {
            output::note(&format!("warning: no visa counts: {}", Failure::of(Exit::Refused, error).text()));
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
async fn known(verifier: &Verifier, folder: &TokenFolder) -> Result<Option<Known>, Unusable> {
    let (now, mut unusable) = (Timestamp::now(), None);
    for issuer in &verifier.trust().issuers {
        let found = match folder.load(issuer.issuer.as_str(), &issuer.client_id) {
            Ok(None) => continue,
            Ok(Some(tokens)) => verified(verifier, folder, tokens, now).await,
            Err(error) => Err(Unusable::of_file(&error)),
        };
        match found {
            Ok((identity, tokens)) => {
                return Ok(Some(Known::renewed(verifier, folder, identity, &tokens).await));
            }
            Err(error) => drop(unusable.get_or_insert(error)),
        }
    }
    unusable.map_or(Ok(None), Err)
}

/// What the tokens prove, and the tokens; they are renewed if their time is over. Tokens with which anything else is wrong stay refused.
async fn verified(
    verifier: &Verifier,
    folder: &TokenFolder,
    tokens: TokenSet,
    now: Timestamp,
) -> Result<(VerifiedIdentity, TokenSet), Unusable> {
    let expected = Expectations::default();
    match verifier.verify(tokens.id_token.reveal(), &expected, now).await {
        Ok(identity) => return Ok((identity, tokens)),
        Err(TokenError::Expired(_)) if tokens.refresh_token.is_some() => {}
        Err(error) => return Err(Unusable::of_token(&error)),
    }
    let renewed = verifier.refresh(&tokens, now).await;
    let renewed = renewed.map_err(|error| Unusable::refused(Failure::of(Exit::Refused, &error)))?;
    folder.save(&renewed).map_err(|error| Unusable::of_file(&error))?;
    let identity = verifier.verify(renewed.id_token.reveal(), &expected, now).await;
    Ok((identity.map_err(|error| Unusable::of_token(&error))?, renewed))
}

/// The addresses of this machine, from which its user works: not those that every machine has.
fn own_addresses() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.iter().filter(|interface| !interface.is_loopback()).map(if_addrs::Interface::ip).collect()
}
