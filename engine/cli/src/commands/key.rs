//! `sluis key`

mod rotate;
mod shares;

use std::path::Path;

use serde_json::json;
use sluis_access::{KeyProtection, KeyStatus, RotationStatus};
use sluis_kms::{KeyName, KeyVersion, ProtectionLevel};

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
        Key::Kms { key } => protect_by_kms(folder, &key),
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

fn protect_by_kms(folder: &Path, key: &KeyName) -> Result<Exit, Failure> {
    let KeyVersion { number, protection } = site::open(folder)?.protect_key_by_kms(key)?;
    let holder = match protection {
        ProtectionLevel::Software => "which Google holds in software",
        ProtectionLevel::Hardware => "which Google holds in a hardware security module",
        ProtectionLevel::External => "which an external key manager holds",
        ProtectionLevel::Unknown => "of which Google does not say who holds it",
    };
    output::note(&format!(
        "The site's key is protected by version {number} of {key} now, {holder}. Opening the site asks Cloud KMS in {} from \
         now on. Keep a way to restore the key that does not need it, such as recovery shares; copies of the earlier file \
         open as they did before.",
        key.region()
    ));
    Ok(Exit::Success)
}

fn status(folder: &Path, json: bool) -> Result<Exit, Failure> {
    let KeyStatus { public_key, protection, rotation } = site::open(folder)?.key_status()?;
    let (protection, kms_key) = match protection {
        KeyProtection::Plain => ("none", None),
        KeyProtection::Passphrase => ("passphrase", None),
        KeyProtection::Token => ("token", None),
        KeyProtection::Kms(key) => ("kms", Some(key.to_string())),
    };
    if json {
        let rotation = rotation.map(|rotation| match rotation {
            RotationStatus::Begun => json!({ "stage": "begun" }),
            RotationStatus::Switched { old_key, is_in_use, packets } => json!({
                "stage": "switched", "oldKey": old_key, "inUse": is_in_use, "packets": packets,
            }),
        });
        output::json(
            &json!({ "publicKey": public_key, "protection": protection, "kmsKey": kms_key, "rotation": rotation }),
        );
        return Ok(Exit::Success);
    }
    output::line(&format!("public key  {public_key}"));
    output::line(&format!("protection  {protection}"));
    if let Some(key) = kms_key {
        output::line(&format!("kms key     {key}"));
    }
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
