//! `sluis key recovery` and `sluis key recover`

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use serde_json::json;
use sluis_access::recover_key;
use sluis_crypt4gh::key_file;
use zeroize::Zeroizing;

use crate::{
    arguments::{Recover, Recovery},
    commands::crypt::ends::{Output, unusable},
    exit::Exit,
    failure::Failure,
    output, site,
};

/// The longest share that is read, in bytes.
const LONGEST_SHARE: usize = 1 << 16;

/// Writes a share of the site's secret key for each recipient.
pub fn split(folder: &Path, recovery: &Recovery, json: bool) -> Result<Exit, Failure> {
    let public = |path: &PathBuf| {
        let text = fs::read_to_string(path).map_err(|error| unusable(path, "read", &error))?;
        key_file::read_public_key(&text).map_err(|error| Failure::of(Exit::Invalid, &error).about(path))
    };
    let recipients = recovery.to.iter().map(public).collect::<Result<Vec<_>, _>>()?;
    let shares = site::open(folder)?.split_key(&recipients, recovery.threshold)?;
    let mut written = Vec::new();
    for share in &shares {
        let name = format!("recovery-{}-{}-of-{}.c4gh", share.set, share.number, shares.len());
        let path = recovery.outdir.join(name);
        let mut file = Output::create(Some(&path))?;
        file.write_all(&share.file).map_err(|error| unusable(&path, "written", &error))?;
        file.finish()?;
        let recipient = hex::encode(share.recipient.as_bytes());
        written.push(json!({ "file": path, "recipient": recipient }));
        if !json {
            output::line(&format!("{}  for {recipient}", path.display()));
        }
    }
    if json {
        output::json(&json!({ "threshold": recovery.threshold, "shares": written }));
    }
    output::note(&format!(
        "Give each file to its holder and keep none here. Any {} of them together restore the site's key.",
        recovery.threshold
    ));
    Ok(Exit::Success)
}

/// Restores a secret key of shares.
pub fn restore(folder: &Path, recover: &Recover) -> Result<Exit, Failure> {
    let texts = recover.share.iter().map(|path| read_share(path)).collect::<Result<Vec<_>, _>>()?;
    let own = folder.join("keys/audit.pub");
    let audit_key = recover.audit_key.clone().or_else(|| own.exists().then_some(own));
    let audit_key = audit_key.map(|path| fs::read_to_string(&path).map_err(|error| unusable(&path, "read", &error)));
    let audit_key = audit_key.transpose()?;
    let key = recover_key(&texts, audit_key.as_deref()).map_err(|error| Failure::of(Exit::Invalid, &error))?;
    let mut file = Output::create(Some(&recover.out))?;
    let is_noted = key.note_in(folder)?;
    file.write_all(key.text.as_bytes()).map_err(|error| unusable(&recover.out, "written", &error))?;
    file.finish()?;
    output::line(&hex::encode(key.public_key.as_bytes()));
    let signed = if audit_key.is_some() { "as was asked for" } else { "which nobody compared" };
    output::note(&format!(
        "This is the secret key of the site `{}`; the shares were signed by the audit key {}, {signed}. It is in {} in \
         plain: move it to the site's keys/site.sec and give it a passphrase with `sluis key passphrase`.",
        key.site,
        key.audit_key,
        recover.out.display()
    ));
    if !is_noted {
        output::note(&format!(
            "warning: this is in no audit log, since {} is not the site of this key; tell the site's auditor",
            folder.display()
        ));
    }
    Ok(Exit::Success)
}

fn read_share(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let failed = |error: io::Error| unusable(path, "read", &error);
    // Room for all of it from the start: a buffer that grows would leave a copy behind.
    let mut text = Zeroizing::new(String::with_capacity(LONGEST_SHARE));
    let file = File::open(path).map_err(failed)?;
    file.take(LONGEST_SHARE as u64).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}
