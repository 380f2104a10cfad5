//! Programs that ask for Anna, at a site where her delegation was made before anything else happened.

use std::{collections::BTreeSet, fs, path::Path};

use jiff::{SignedDuration, Timestamp};
use sluis_access::{Caller, NewDelegation, Site};
use sluis_crypt4gh::key_file;
use sluis_identity::{Delegation, DelegationAlgorithm, DelegationSigner, Person, Verifier};
use sluis_policy::Action;

use crate::{
    issuer::Issuer,
    world::{World, project},
};

/// A delegation of Anna's to the program `nightly`, and what becomes of it.
pub struct Delegated {
    pub actions: &'static [Action],
    pub project: &'static str,
    /// Whether she takes it back.
    pub revoked: bool,
    /// For how long it holds from now on, if it is not as long as she said.
    pub seconds_left: Option<i64>,
    /// What it shows instead of its token.
    pub shows: fn(String) -> String,
}

impl World {
    /// What Anna may, and what she delegated: to read, in her project.
    pub fn with_program(issuer: &Issuer) -> Self {
        let delegated = Delegated {
            actions: &[Action::Read],
            project: "neuroblastoma",
            revoked: false,
            seconds_left: None,
            shows: |token| token,
        };
        Self { delegated: Some(delegated), ..Self::allowed(issuer) }
    }

    pub fn delegation(&mut self) -> &mut Delegated {
        self.delegated.as_mut().unwrap()
    }

    /// The program that shows its token, and why that was refused, if it was, which is written down.
    pub fn program(site: &Site, token: &str) -> (Caller, Option<String>) {
        match site.service(token) {
            Ok(caller) => (caller, None),
            Err(error) => {
                site.note_failed_login(&error).unwrap();
                (Caller::nobody(), Some(error.to_string()))
            }
        }
    }
}

impl Delegated {
    /// Makes it at the site in a folder, where nothing is flipped yet, and gives what the program shows.
    pub async fn token(&self, issuer: &Issuer, folder: &Path) -> String {
        let mut world = World::allowed(issuer);
        if self.project != project().as_str() {
            // Anna is in another project beside hers.
            let other = world
                .projects
                .trim_start_matches("projects:\n")
                .replace("neuroblastoma:", &format!("{}:", self.project));
            world.projects.push_str(&other);
        }
        world.write(issuer, folder);
        let site = Site::open(folder).unwrap();
        let verifier = Verifier::new(site.config().identity.clone().unwrap().trust).unwrap();
        let identity = world.verified(issuer, &verifier).await.unwrap();
        let anna = Caller::verified(&identity).from_addresses(vec!["192.0.2.17".parse().unwrap()]);
        let site = site.used_by(anna);
        let actions: BTreeSet<_> = self.actions.iter().copied().collect();
        let project = self.project.parse().unwrap();
        let new = NewDelegation { service: "nightly".to_owned(), project, actions, days: 30 };
        let token = site.delegate(&new).unwrap().reveal().to_owned();
        let id = site.delegations().unwrap().remove(0).id;
        if self.revoked {
            site.revoke_delegation(&id).unwrap();
        }
        let token = self.seconds_left.map_or(token, |seconds| self.of_an_hour_ago(issuer, folder, &id, seconds));
        (self.shows)(token)
    }

    /// The delegation as it would be if Anna had made it an hour ago, so that these seconds are left of it: signed with
    /// the site's own key for delegations, which follows from what lies sealed in its folder.
    fn of_an_hour_ago(&self, issuer: &Issuer, folder: &Path, id: &str, seconds: i64) -> String {
        let secret = fs::read_to_string(folder.join("keys/site.sec")).unwrap();
        let sealed = fs::read(folder.join("keys/address.c4gh")).unwrap();
        let mut address_key = Vec::new();
        let secret = key_file::read_secret_key(&secret).unwrap();
        sluis_crypt4gh::open(&sealed[..], &mut address_key, &secret).unwrap();
        let seed = blake3::derive_key("sluis 1 delegations", &address_key);
        let pair = aws_lc_rs::signature::Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let document = pair.to_pkcs8().unwrap();
        let longest = SignedDuration::from_hours(24);
        let signer = DelegationSigner::new("test", DelegationAlgorithm::EdDsa, document.as_ref(), longest).unwrap();
        let made = Timestamp::now() - SignedDuration::from_hours(1);
        let delegation = Delegation {
            id: id.to_owned(),
            service: "nightly".to_owned(),
            delegated_by: Person { issuer: issuer.address.clone(), subject: "anna-at-work".to_owned() },
            project: self.project.to_owned(),
            actions: self.actions.iter().map(|action| action.name().to_owned()).collect(),
            not_before: made,
            expires: Timestamp::now() + SignedDuration::from_secs(seconds),
        };
        signer.sign(&delegation, made).unwrap()
    }
}
