//! `sluis crypt`: Crypt4GH files outside of any site, as the standard's other tools make and read them.

pub(super) mod ends;

use std::{
    fs,
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
};

use serde_json::json;
use sluis_crypt4gh::{
    Binding, BodyOpener, DataKey, EditList, EditedReader, FileError, Header, KeyFileError, OpenedHeader, PublicKey,
    SecretKey, SecretKeyError, key_file,
};
use zeroize::Zeroizing;

use crate::{
    arguments::{Crypt, CryptFiles},
    exit::Exit,
    failure::Failure,
    output, passphrase,
};
use ends::{Input, Output, Settled, unusable};

/// Carries out one of its actions.
pub fn carry_out(crypt: &Crypt, json: bool) -> Result<Exit, Failure> {
    match crypt {
        Crypt::Keygen { sk, pk, no_passphrase } => keygen(sk, pk, *no_passphrase),
        Crypt::Encrypt { recipient, header, files } => {
            let recipients = public_keys(recipient)?;
            match header {
                None => convert(files, |input, output| sluis_crypt4gh::seal(input, output, &recipients).map(drop)),
                Some(header) => encrypt_apart(header, &recipients, files),
            }
        }
        Crypt::Decrypt { key, range, header, files } => {
            let key = secret_key(key)?;
            let header = header.as_deref().map(read_header).transpose()?;
            match range {
                None => convert(files, |input, output| {
                    sluis_crypt4gh::open(header.as_deref().unwrap_or_default().chain(input), output, &key).map(drop)
                }),
                Some(range) => decrypt_range(&key, range, header.as_deref(), files),
            }
        }
        Crypt::Reencrypt { key, to, drop_others, files } => {
            let (key, recipients) = (secret_key(key)?, public_keys(to)?);
            convert(files, |mut input, mut output| {
                let header = Header::read_from(&mut input)?.reencrypt(&key, &recipients, !drop_others)?;
                header.write_to(&mut output)?;
                io::copy(&mut input, &mut output)?;
                Ok(output.flush()?)
            })
        }
        Crypt::Rearrange { key, range, files } => {
            let key = secret_key(key)?;
            convert(files, |input, output| sluis_crypt4gh::rearrange(input, output, &key, range))
        }
        Crypt::Inspect { key, input } => inspect(key.as_deref(), input.as_deref(), json),
    }
}

/// Makes a file from another; nothing is left behind if that fails.
fn convert(
    files: &CryptFiles,
    work: impl FnOnce(&mut (dyn Read + Send), &mut (dyn Write + Send)) -> Result<(), FileError>,
) -> Result<Exit, Failure> {
    let mut input = Input::open(files.input.as_deref())?.shown();
    let mut output = Output::create(files.output.as_deref())?;
    work(&mut input, &mut output).map_err(|error| failure(&error))?;
    output.finish()?;
    Ok(Exit::Success)
}

/// Seals a file with its header apart. The header stands there first: a body without one is of no use to anybody, and who
/// sees it might take their data for kept.
fn encrypt_apart(header: &Path, recipients: &[PublicKey], files: &CryptFiles) -> Result<Exit, Failure> {
    let mut apart = Output::create(Some(header))?;
    let mut input = Input::open(files.input.as_deref())?.shown();
    let mut body = Output::create(files.output.as_deref())?;
    sluis_crypt4gh::seal_apart(&mut input, &mut apart, &mut body, recipients).map_err(|error| failure(&error))?;
    Settled::name_both(apart.settle()?, body.settle()?)?;
    Ok(Exit::Success)
}

/// A header that stands alone.
fn read_header(path: &Path) -> Result<Vec<u8>, Failure> {
    let header = Header::read_from(Input::open(Some(path))?).map_err(|error| failure(&error.into()).about(path))?;
    let mut bytes = Vec::new();
    header.write_to(&mut bytes).map_err(|error| unusable(path, "read", &error))?;
    Ok(bytes)
}

fn decrypt_range(
    key: &SecretKey,
    range: &Range<u64>,
    header: Option<&[u8]>,
    files: &CryptFiles,
) -> Result<Exit, Failure> {
    let mut input = Input::open(files.input.as_deref())?;
    let mut output = Output::create(files.output.as_deref())?;
    let copy = || -> Result<(), FileError> {
        let header = match header {
            Some(apart) => Header::read_from(apart)?,
            None => Header::read_from(&mut input)?,
        };
        let OpenedHeader { keys, edits } = header.open(key)?;
        match edits {
            None => {
                let part = input.part(&sluis_crypt4gh::sealed_range(range))?;
                sluis_crypt4gh::open_range(part, &mut output, &keys, range).map(drop)
            }
            Some(edits) => copy_edited(input, &keys, &edits, range, &mut output),
        }
    };
    copy().map_err(|error| failure(&error))?;
    output.finish()?;
    Ok(Exit::Success)
}

/// Copies a range of what an edit list shows.
fn copy_edited(
    input: Input,
    keys: &[DataKey],
    edits: &EditList,
    range: &Range<u64>,
    output: &mut Output,
) -> Result<(), FileError> {
    let length = range.end.saturating_sub(range.start);
    match input.shown_file() {
        Ok(file) => {
            let mut shown = EditedReader::seekable(BodyOpener::seekable(file, keys, Binding::Unbound)?, edits);
            shown.seek(SeekFrom::Start(range.start))?;
            io::copy(&mut shown.take(length), output)?;
        }
        Err(pipe) => {
            let mut shown = EditedReader::new(BodyOpener::new(pipe.shown(), keys, Binding::Unbound)?, edits);
            io::copy(&mut Read::by_ref(&mut shown).take(range.start), &mut io::sink())?;
            io::copy(&mut shown.take(length), output)?;
        }
    }
    Ok(())
}

fn inspect(key: Option<&Path>, input: Option<&Path>, json: bool) -> Result<Exit, Failure> {
    let mut input = Input::open(input)?;
    let header = Header::read_from(&mut input).map_err(|error| failure(&error.into()))?;
    let packets: Vec<_> = header.packets.iter().map(|packet| packet.as_bytes().len() + 4).collect();
    let mut facts = json!({ "version": 1, "packets": packets.len(), "packetBytes": packets });
    if let Some(mut file) = input.seekable() {
        let begin = file.stream_position().map_err(|error| Failure::of(Exit::Environment, &error))?;
        let end = file.seek(SeekFrom::End(0)).map_err(|error| Failure::of(Exit::Environment, &error))?;
        let body = end - begin;
        let segments = body.div_ceil(sluis_crypt4gh::SEALED_SEGMENT as u64);
        facts["headerBytes"] = begin.into();
        facts["bodyBytes"] = body.into();
        facts["segments"] = segments.into();
        facts["plaintextBytes"] = body.saturating_sub(segments * 28).into();
    }
    if let Some(path) = key {
        let opened = header.open(&secret_key(path)?).map_err(|error| failure(&error.into()))?;
        facts["dataKeys"] = opened.keys.len().into();
        facts["editList"] = opened.edits.map(|edits| edits.lengths().to_vec()).into();
    }
    if json {
        output::json(&facts);
    } else {
        for (name, value) in facts.as_object().into_iter().flatten() {
            output::line(&format!("{name}: {value}"));
        }
    }
    Ok(Exit::Success)
}

fn keygen(sk: &Path, pk: &Path, no_passphrase: bool) -> Result<Exit, Failure> {
    let key = SecretKey::generate().map_err(|error| Failure::of(Exit::Environment, &error))?;
    let text = if no_passphrase {
        key_file::write_secret_key(&key)
    } else {
        let passphrase = new_passphrase()?;
        key_file::lock_secret_key(&key, &passphrase).map_err(|error| Failure::of(Exit::Environment, &error))?
    };
    let secret = settled(sk, text.as_bytes())?;
    let public = settled(pk, key_file::write_public_key(&key.public_key()).as_bytes())?;
    // The secret key stands there first: nobody may seal for a public key whose secret key is lost.
    Settled::name_both(secret, public)?;
    Ok(Exit::Success)
}

fn settled(path: &Path, bytes: &[u8]) -> Result<Settled, Failure> {
    let mut output = Output::create(Some(path))?;
    output.write_all(bytes).map_err(|error| unusable(path, "written", &error))?;
    output.settle()
}

fn public_keys(paths: &[PathBuf]) -> Result<Vec<PublicKey>, Failure> {
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).map_err(|error| unusable(path, "read", &error))?;
        key_file::read_public_key(&text).map_err(|error| wrong_key(path, &error))
    };
    paths.iter().map(read).collect()
}

fn secret_key(path: &Path) -> Result<SecretKey, Failure> {
    let text = Zeroizing::new(fs::read_to_string(path).map_err(|error| unusable(path, "read", &error))?);
    match key_file::read_secret_key(&text) {
        Err(SecretKeyError::File(KeyFileError::Passphrase(_))) => {
            let passphrase = match given()? {
                Some(given) => given,
                None => ask(&format!("Passphrase of {}: ", path.display()))?,
            };
            key_file::unlock_secret_key(&text, &passphrase).map_err(|error| wrong_key(path, &error))
        }
        read => read.map_err(|error| wrong_key(path, &error)),
    }
}

fn new_passphrase() -> Result<Zeroizing<String>, Failure> {
    if let Some(given) = given()? {
        return Ok(given);
    }
    let passphrase = ask("New passphrase: ")?;
    if passphrase.is_empty() {
        return Err(Failure::new(
            Exit::Usage,
            "a passphrase cannot be empty; `--no-passphrase` writes the key without",
        ));
    }
    if *ask("The same again: ")? != *passphrase {
        return Err(Failure::new(Exit::Usage, "the two passphrases differ"));
    }
    Ok(passphrase)
}

fn given() -> Result<Option<Zeroizing<String>>, Failure> {
    passphrase::given().map_err(|error| Failure::of(Exit::Usage, &error))
}

fn ask(what: &str) -> Result<Zeroizing<String>, Failure> {
    passphrase::ask(what).map_err(|error| Failure::of(Exit::Usage, &error))
}

fn wrong_key(path: &Path, error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::of(Exit::Invalid, error).about(path)
}

/// Whose fault it is that a file cannot be sealed or opened.
fn failure(error: &FileError) -> Failure {
    let is_damage =
        |error: &io::Error| matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof);
    let exit = match error {
        FileError::Io(error) if is_damage(error) => Exit::Damaged,
        FileError::Io(_) | FileError::Crypto(_) => Exit::Environment,
        _ => Exit::Invalid,
    };
    Failure::of(exit, error)
}
