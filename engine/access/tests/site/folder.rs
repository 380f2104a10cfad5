//! The site's folder: making it, opening it, its keys and configuration.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn a_country_outside_the_union_is_no_site() {
    let folder = tempfile::tempdir().unwrap();
    drop(site(folder.path()));
    let path = folder.path().join("site.yaml");
    let text = fs::read_to_string(&path).unwrap().replace("\"NL\"", "\"CH\"");
    fs::write(&path, text).unwrap();
    let error = Site::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("site.yaml:5:10") && error.contains("`CH` is not a member state"), "{error}");
}

#[test]
fn keys_that_others_can_read_are_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    drop(site(folder.path()));
    fs::set_permissions(folder.path().join("keys/site.sec"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(Site::open(folder.path()).unwrap_err().to_string().contains("chmod 600"));
}

#[test]
fn keys_that_were_exchanged_are_refused() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let sites = folders.each_ref().map(|folder| site(folder.path()).dir().to_owned());
    for name in ["site.sec", "site.pub", "address.c4gh", "audit.c4gh", "audit.pub"] {
        let path = sites[0].join("keys").join(name);
        let own = fs::read(&path).unwrap();
        fs::write(&path, fs::read(sites[1].join("keys").join(name)).unwrap()).unwrap();
        assert!(matches!(Site::open(&sites[0]), Err(AccessError::Key { .. })), "{name}");
        fs::write(&path, own).unwrap();
    }
    Site::open(&sites[0]).unwrap();
    fs::set_permissions(sites[0].join("keys"), fs::Permissions::from_mode(0o770)).unwrap();
    assert!(Site::open(&sites[0]).unwrap_err().to_string().contains("chmod 700"));
}

#[test]
fn a_name_that_does_not_fit_on_a_line_is_no_name() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["", "a\nb", "\"", &"x".repeat(101)] {
        let config = SiteConfig { name: name.to_owned(), ..config() };
        assert!(matches!(Site::create(folder.path(), &config), Err(AccessError::SiteName(_))), "{name}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn nothing_that_stands_in_the_way_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("keys")).unwrap();
    fs::write(folder.path().join("keys/precious"), "kept").unwrap();
    assert!(matches!(Site::create(folder.path(), &config()), Err(AccessError::InTheWay(_))));
    assert_eq!(fs::read(folder.path().join("keys/precious")).unwrap(), b"kept");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notes.txt"), "kept").unwrap();
    let address = put(&site(folder.path()), b"text").address;
    assert!(matches!(Site::create(folder.path(), &config()), Err(AccessError::Exists(_))));
    assert_eq!(show(&Site::open(folder.path()).unwrap(), &address).unwrap(), b"text");
    // A site whose configuration was lost is not made over.
    fs::rename(folder.path().join("site.yaml"), folder.path().join("lost.yaml")).unwrap();
    assert!(matches!(Site::create(folder.path(), &config()), Err(AccessError::InTheWay(_))));
    fs::rename(folder.path().join("lost.yaml"), folder.path().join("site.yaml")).unwrap();
    assert_eq!(show(&Site::open(folder.path()).unwrap(), &address).unwrap(), b"text");
}

#[test]
fn an_interrupted_attempt_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    drop(site(folder.path()));
    // As it stands before the last step.
    fs::rename(folder.path().join("site.yaml"), folder.path().join("site.yaml.new")).unwrap();
    fs::write(folder.path().join("keys/site.pub"), "").unwrap();
    let site = site(folder.path());
    assert_eq!(show(&site, &put(&site, b"text").address).unwrap(), b"text");
    assert!(!folder.path().join("site.yaml.new").exists());
    // A folder in which something was sealed is made over by nobody.
    fs::rename(folder.path().join("site.yaml"), folder.path().join("site.yaml.new")).unwrap();
    assert!(matches!(Site::create(folder.path(), &config()), Err(AccessError::InTheWay(_))));
}

#[test]
fn of_many_that_make_a_site_at_once_one_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/site");
    let made: Vec<_> = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..4).map(|_| scope.spawn(|| Site::create(&path, &config()).map(drop))).collect();
        makers.into_iter().map(|maker| maker.join().unwrap()).collect()
    });
    assert_eq!(made.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{made:?}");
    assert!(made.iter().all(|outcome| matches!(outcome, Ok(()) | Err(AccessError::Exists(_)))), "{made:?}");
    Site::open(&path).unwrap().permit_put(&project(), &of_dataset("personal")).unwrap();
}

#[test]
fn keys_are_for_their_owner_alone_and_shown_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(&folder.path().join("site"));
    let mode = |name: &str| fs::metadata(site.dir().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("keys"), mode("keys/site.sec"), mode("audit/log.jsonl")), (0o700, 0o700, 0o600, 0o600));
    let secret = fs::read_to_string(site.dir().join("keys/site.sec")).unwrap();
    let shown = format!("{site:?} {:?}", site.permit_put(&project(), &of_dataset("personal")));
    assert!(secret.lines().all(|line| !shown.contains(line)), "{shown}");
    assert!(shown.contains("SiteKeys"));
}
