//! Where the passphrase of the site's key, or of a key file, comes from: a file that only this user can read, or the terminal. It is never in
//! an argument or in the environment, where others could see it.

use std::{
    env,
    fs::File,
    io::{self, IsTerminal, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use sluis_access::KeyPrompt;
use zeroize::Zeroizing;

use crate::{exit::Exit, failure::Failure};

/// The variable that names the file.
const FILE: &str = "SLUIS_PASSPHRASE_FILE";

/// The longest passphrase that is read from a file, in bytes.
const LONGEST: usize = 4096;

/// The file, if one was named.
static SOURCE: OnceLock<PathBuf> = OnceLock::new();

/// What was given, for a command that opens the site more than once: nobody is asked twice, and a pipe is read once.
static GIVEN: OnceLock<Zeroizing<String>> = OnceLock::new();

/// Says where the passphrase comes from: this file, else the one that the variable names, else the terminal.
pub fn comes_from(file: Option<PathBuf>) {
    if let Some(file) = file.or_else(|| env::var_os(FILE).map(PathBuf::from)) {
        SOURCE.get_or_init(|| file);
    }
}

/// That of a key file, new or old, if one was given; it is read once, and serves for every key of the command.
pub fn given() -> io::Result<Option<Zeroizing<String>>> {
    match (GIVEN.get(), SOURCE.get()) {
        (Some(given), _) => Ok(Some(given.clone())),
        (None, Some(path)) => {
            let given = read(path)?;
            Ok(Some(GIVEN.get_or_init(|| given).clone()))
        }
        (None, None) => Ok(None),
    }
}

/// What opens the site's key.
pub fn give(prompt: &KeyPrompt) -> io::Result<Zeroizing<String>> {
    if let Some(given) = given()? {
        return Ok(given);
    }
    if !io::stderr().is_terminal() {
        let text = "there is no terminal to ask for it; --passphrase-file names a file that holds it";
        return Err(io::Error::other(text));
    }
    let given = ask(&prompt.question())?;
    Ok(GIVEN.get_or_init(|| given).clone())
}

/// A new passphrase, from a file or asked for twice.
pub fn new(file: Option<&Path>) -> Result<Zeroizing<String>, Failure> {
    let failed = |error: io::Error| Failure::of(Exit::Usage, &error);
    if let Some(path) = file {
        return read(path).map_err(failed);
    }
    let new = ask("New passphrase: ").map_err(failed)?;
    if *ask("The same again: ").map_err(failed)? != *new {
        return Err(Failure::new(Exit::Usage, "the two passphrases differ"));
    }
    Ok(new)
}

/// The PIN of a token, from a file or asked for.
pub fn pin(file: Option<&Path>) -> Result<Zeroizing<String>, Failure> {
    file.map_or_else(|| ask("PIN of the token: "), read).map_err(|error| Failure::of(Exit::Usage, &error))
}

/// Asks on the terminal, without showing what is typed.
pub fn ask(question: &str) -> io::Result<Zeroizing<String>> {
    if !io::stderr().is_terminal() {
        let text = "a passphrase is needed, and there is no terminal to ask for it";
        return Err(io::Error::other(text));
    }
    rpassword::prompt_password(question).map(Zeroizing::new)
}

/// The first line of a file, which others must not be able to read.
fn read(path: &Path) -> io::Result<Zeroizing<String>> {
    let wrong = |what: &str| io::Error::other(format!("{} {what}", path.display()));
    let unreadable = |error: io::Error| wrong(&format!("cannot be read: {error}"));
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.mode() & 0o077 != 0 {
        return Err(wrong("holds a passphrase and can be used by others; run `chmod 600` on it"));
    }
    // Room for all of it from the start: a buffer that grows would leave a copy behind.
    let mut text = Zeroizing::new(String::with_capacity(LONGEST + 1));
    file.take(LONGEST as u64 + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() > LONGEST {
        return Err(wrong(&format!("is longer than a passphrase may be, {LONGEST} bytes")));
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    match line {
        "" => Err(wrong("is empty; a passphrase is expected in it")),
        _ if line.contains('\n') => Err(wrong("has more than one line; a passphrase alone is expected in it")),
        _ => Ok(Zeroizing::new(line.to_owned())),
    }
}
