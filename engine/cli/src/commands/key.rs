//! `sluis key`

mod rotate;
mod shares;

use std::path::Path;

use serde_json::json;
use sluis_access::{KeyProtection, KeyStatus, RotationStatus};

use crate::{arguments::Key, exit::Exit, failure::Failure, output, passphrase, site};

/// Carries out one of its actions.
pub fn carry_out(folder: &Path, key: Key, json: bool) -> Result<Exit, Failure> {
    match key {
        Key::Passphrase { remove, new_passphrase_file } => {
            change_passphrase(folder, remove, new_passphrase_file.as_deref())
        }
        Key::Token { pin_file } => {
            let site = site::open(folder)?;
            site.protect_key_by_token(&passphrase::pin(pin_file.as_deref())?)?;
            output::note("The site's key is protected by the token now. Keep a way to restore it that needs no token.");
            Ok(Exit::Success)
        }
        Key::Rotate { wait } => rotate::carry_out(folder, wait, json),
        Key::Recovery(recovery) => shares::split(folder, &recovery, json),
        Key::Recover(recover) => shares::restore(folder, &recover),
        Key::Status => status(folder, json),
    }
}

fn change_passphrase(folder: &Path, remove: bool, file: Option<&Path>) -> Result<Exit, Failure> {
    let site = site::open(folder)?;
    let new = if remove { None } else { Some(passphrase::new(file)?) };
    site.protect_key(new)?;
    output::note(if remove {
        "The site's key has no passphrase any more."
    } else {
        "The site's key has this passphrase now. Copies of the earlier file open as they did before."
    });
    Ok(Exit::Success)
}

fn status(folder: &Path, json: bool) -> Result<Exit, Failure> {
    let KeyStatus { public_key, protection, rotation } = site::open(folder)?.key_status()?;
    let protection = match protection {
        KeyProtection::Plain => "none",
        KeyProtection::Passphrase => "passphrase",
        KeyProtection::Token => "token",
    };
    if json {
        let rotation = rotation.map(|rotation| match rotation {
            RotationStatus::Begun => json!({ "stage": "begun" }),
            RotationStatus::Switched { old_key, is_in_use, packets } => json!({
                "stage": "switched", "oldKey": old_key, "inUse": is_in_use, "packets": packets,
            }),
        });
        output::json(&json!({ "publicKey": public_key, "protection": protection, "rotation": rotation }));
        return Ok(Exit::Success);
    }
    output::line(&format!("public key  {public_key}"));
    output::line(&format!("protection  {protection}"));
    match rotation {
        None => output::line("rotation    none under way"),
        Some(RotationStatus::Begun) => output::line("rotation    begun; `sluis key rotate` goes on with it"),
        Some(RotationStatus::Switched { old_key, is_in_use, packets }) => {
            let why = if is_in_use { "running engines use it" } else { "`sluis key rotate` gives it up" };
            output::line(&format!("old key     {old_key}, {packets} header packet(s); {why}"));
        }
    }
    Ok(Exit::Success)
}
