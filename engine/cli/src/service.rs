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

/// The program for which the variable names a token, if it does. A token that is refused, or cannot be had, is written
/// down.
pub fn named(site: &Site) -> Result<Option<Caller>, Failure> {
    let Some(path) = env::var_os(DELEGATION) else { return Ok(None) };
    let token = match read(Path::new(&path)) {
        Ok(token) => token,
        Err(unusable) => {
            // Where the file lies on a person's machine is nothing that others need to know.
            site.note_failed_login(&unusable.noted)?;
            return Err(unusable.told);
        }
    };
    match site.service(token.trim()) {
        Ok(caller) => Ok(Some(caller)),
        Err(error) => {
            let failure = Failure::from(error);
            site.note_failed_login(&failure.text())?;
            Err(failure)
        }
    }
}

/// A file that gives no token: what the program is told of it, and what the audit log is.
struct Unusable {
    told: Failure,
    noted: String,
}

/// Others must not be able to read the file.
fn read(path: &Path) -> Result<Zeroizing<String>, Unusable> {
    let failed = |error: io::Error| Unusable {
        noted: format!("the file of the delegation's token cannot be read: {}", error.kind()),
        told: Failure::of(Exit::Environment, &error).about(path),
    };
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.mode() & 0o077 != 0 {
        let text = format!("others could read the token in {}; run `chmod 600` on it", path.display());
        let noted = "others could read the file of the delegation's token".to_owned();
        return Err(Unusable { told: Failure::new(Exit::Refused, text), noted });
    }
    let mut token = Zeroizing::new(String::with_capacity(LARGEST));
    file.take(LARGEST as u64).read_to_string(&mut token).map_err(failed)?;
    Ok(token)
}
