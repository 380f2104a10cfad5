//! `sluis grant` and `sluis revoke`

use std::{fs, path::Path};

use sluis_access::{ReadAction, Site};
use sluis_crypt4gh::{PublicKey, key_file};

use crate::{arguments::Grant, commands::objects::resolve, exit::Exit, failure::Failure, output, site};

/// Seals an object's data key for one more recipient.
pub fn grant(folder: &Path, grant: &Grant) -> Result<Exit, Failure> {
    let site = site::open(folder)?;
    let address = resolve(&site, &grant.address)?;
    let recipient = public_key(&grant.recipient)?;
    let permit = site.permit_read(&grant.project, &address, ReadAction::Grant)?;
    site.grant(&permit, &address, &recipient)?;
    output::note(&format!("{address} can be read with the secret key of {}.", grant.recipient.display()));
    tell_recipients(&site, &address)
}

/// Deletes a recipient's header packet.
pub fn revoke(folder: &Path, grant: &Grant) -> Result<Exit, Failure> {
    let site = site::open(folder)?;
    let address = resolve(&site, &grant.address)?;
    site.revoke(&address, &public_key(&grant.recipient)?)?;
    output::note(&format!(
        "{address} cannot be read with the secret key of {} any more; what was exported before stays readable.",
        grant.recipient.display()
    ));
    tell_recipients(&site, &address)
}

fn tell_recipients(site: &Site, address: &sluis_model::Address) -> Result<Exit, Failure> {
    for recipient in site.granted_to(address)? {
        output::line(&hex::encode(recipient.as_bytes()));
    }
    Ok(Exit::Success)
}

fn public_key(path: &Path) -> Result<PublicKey, Failure> {
    let unusable = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Usage, format!("{} cannot be used as a public key: {error}", path.display()))
    };
    let text = fs::read_to_string(path).map_err(|error| unusable(&error))?;
    key_file::read_public_key(&text).map_err(|error| unusable(&error))
}
