//! Tokens in files: only their owner can read them.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use sluis_identity::{
    Person, Secret,
    login::{TokenFileError, TokenFolder, TokenSet},
};

use crate::site::{NOW, at};

fn tokens(issuer: &str) -> TokenSet {
    TokenSet {
        person: Person { issuer: issuer.to_owned(), subject: "alice".to_owned() },
        client_id: "sluis".to_owned(),
        id_token: Secret::new("id".to_owned()),
        access_token: Secret::new("access".to_owned()),
        refresh_token: Some(Secret::new("refresh".to_owned())),
        access_expires: Some(at(NOW)),
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn only_file(folder: &Path) -> PathBuf {
    let mut entries = fs::read_dir(folder).unwrap();
    let file = entries.next().unwrap().unwrap().path();
    assert!(entries.next().is_none(), "something was left beside {file:?}");
    file
}

#[test]
fn tokens_are_kept_for_their_owner_alone() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("a/tokens");
    let folder = TokenFolder::at(path.clone());
    assert_eq!(folder.load("https://a.org", "sluis").unwrap(), None);
    folder.save(&tokens("https://a.org")).unwrap();
    let changed = TokenSet { refresh_token: None, ..tokens("https://a.org") };
    folder.save(&changed).unwrap();
    assert_eq!((mode(&path), mode(&only_file(&path))), (0o700, 0o600));
    assert_eq!(folder.load("https://a.org", "sluis").unwrap(), Some(changed));
    assert_eq!(folder.load("https://a.org", "other").unwrap(), None);
    folder.save(&tokens("https://b.org/../..")).unwrap();
    assert_eq!(folder.load("https://b.org/../..", "sluis").unwrap(), Some(tokens("https://b.org/../..")));
    folder.remove("https://a.org", "sluis").unwrap();
    folder.remove("https://a.org", "sluis").unwrap();
    assert_eq!(folder.load("https://a.org", "sluis").unwrap(), None);
}

#[test]
fn what_others_could_use_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("tokens");
    let folder = TokenFolder::at(path.clone());
    folder.save(&tokens("i")).unwrap();
    let file = only_file(&path);
    let chmod = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for (target, good) in [(&file, 0o600), (&path, 0o700)] {
        for bad in [0o040, 0o004, 0o020, 0o002, 0o010] {
            chmod(target, good | bad);
            assert!(matches!(folder.load("i", "sluis"), Err(TokenFileError::Shared { .. })), "{target:?} {bad:o}");
        }
        chmod(target, good);
    }
    folder.load("i", "sluis").unwrap().unwrap();
    chmod(&path, 0o750);
    assert!(matches!(folder.save(&tokens("i")), Err(TokenFileError::Shared { .. })));
    chmod(&path, 0o700);
    // Links are not followed.
    let moved = place.path().join("moved");
    fs::rename(&file, &moved).unwrap();
    symlink(&moved, &file).unwrap();
    assert!(matches!(folder.load("i", "sluis"), Err(TokenFileError::Kind(_))));
    let linked = place.path().join("linked");
    symlink(&path, &linked).unwrap();
    assert!(matches!(TokenFolder::at(linked).save(&tokens("i")), Err(TokenFileError::Kind(_))));
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert!(folder.load("i", "sluis").is_err());
}

#[test]
fn files_that_hold_something_else_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let folder = TokenFolder::at(place.path().join("tokens"));
    folder.save(&tokens("i")).unwrap();
    let file = only_file(&place.path().join("tokens"));
    let text = fs::read_to_string(&file).unwrap();
    let other = [
        String::new(),
        text[..text.len() / 2].to_owned(),
        text.replace("\"format\":1", "\"format\":2"),
        text.replace("\"issuer\":\"i\"", "\"issuer\":\"j\""),
        text.replacen('{', "{\"id_token\":\"x\",", 1),
        text.replacen('{', "{\"more\":1,", 1),
        " ".repeat(3 << 20),
    ];
    for text in other {
        fs::write(&file, &text).unwrap();
        assert!(matches!(folder.load("i", "sluis"), Err(TokenFileError::Content(_))), "{:.80}", text);
    }
}
