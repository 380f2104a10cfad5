//! Programs that act for people: the token of a delegation, in a file that a variable names.

use std::{
    env,
    fs::File,
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
};

use sluis_access::{Caller, Site};
use zeroize::Zeroizing;

use crate::{exit::Exit, failure::Failure};

/// The variable that names the file of a delegation's token. The token itself is never in the environment.
const DELEGATION: &str = "SLUIS_DELEGATION_FILE";

/// The largest file of a token, in bytes.
const LARGEST: usize = 1 << 16;

/// The program for which the variable names a token, if it does. A token that is refused is written down.
pub fn named(site: &Site) -> Result<Option<Caller>, Failure> {
    let Some(path) = env::var_os(DELEGATION) else { return Ok(None) };
    let token = read(Path::new(&path))?;
    match site.service(token.trim()) {
        Ok(caller) => Ok(Some(caller)),
        Err(error) => {
            let failure = Failure::from(error);
            site.note_failed_login(&failure.text())?;
            Err(failure)
        }
    }
}

/// Others must not be able to read the file.
fn read(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let failed = |error: io::Error| Failure::of(Exit::Environment, &error).about(path);
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.mode() & 0o077 != 0 {
        let text = format!("others could read the token in {}; run `chmod 600` on it", path.display());
        return Err(Failure::new(Exit::Refused, text));
    }
    let mut token = Zeroizing::new(String::with_capacity(LARGEST));
    file.take(LARGEST as u64).read_to_string(&mut token).map_err(failed)?;
    Ok(token)
}
