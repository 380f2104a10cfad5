//! Grants: one header packet more or less, the body untouched.

use sluis_crypt4gh::SecretKey;

use super::*;

fn granted(site: &Site, address: &Address, recipient: &SecretKey) -> Result<Vec<u8>, AccessError> {
    let permit = site.permit_read(&project(), address, ReadAction::Export)?;
    let mut text = Vec::new();
    sluis_crypt4gh::open(site.sealed_file(&permit, address)?, &mut text, recipient).unwrap();
    Ok(text)
}

#[test]
fn a_recipient_reads_what_was_granted_with_any_tool_until_it_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let text = vec![7; 200_000];
    let address = put(&site, &text).address;
    let body = fs::read(parts(&site, &address).last().unwrap()).unwrap();
    let keys = [SecretKey::generate().unwrap(), SecretKey::generate().unwrap()];
    assert!(matches!(granted(&site, &address, &keys[0]), Err(AccessError::NotGranted(_))));
    for key in &keys {
        let permit = site.permit_read(&project(), &address, ReadAction::Grant).unwrap();
        site.grant(&permit, &address, &key.public_key()).unwrap();
    }
    assert_eq!(granted(&site, &address, &keys[0]).unwrap(), text);
    assert_eq!(granted(&site, &address, &keys[1]).unwrap(), text);
    site.revoke(&address, &keys[0].public_key()).unwrap();
    assert_eq!(site.granted_to(&address).unwrap(), [keys[1].public_key()]);
    assert!(matches!(site.revoke(&address, &keys[0].public_key()), Err(AccessError::NotGranted(_))));
    assert_eq!(granted(&site, &address, &keys[1]).unwrap(), text);
    assert_eq!(show(&site, &address).unwrap(), text);
    assert_eq!(fs::read(parts(&site, &address).last().unwrap()).unwrap(), body, "the body was not touched");
    let log = fs::read_to_string(site.dir().join("audit/log.jsonl")).unwrap();
    let recipient = hex::encode(keys[0].public_key().as_bytes());
    for action in ["granted", "revoked"] {
        let is_it = |line: &str| line.contains(&format!("\"action\":\"{action}\"")) && line.contains(&recipient);
        assert!(log.lines().any(is_it), "{action}");
    }
}

#[test]
fn the_site_itself_and_public_data_need_no_grant() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    declare_public(&site, "genomes");
    let other = SecretKey::generate().unwrap().public_key();
    let public = put_for(&site, "genomes", b"chr1").address;
    let permit = site.permit_read(&project(), &public, ReadAction::Grant).unwrap();
    assert!(matches!(site.grant(&permit, &public, &other), Err(AccessError::Public(_))));
    let sealed = put(&site, b"reads").address;
    let own = site.store().object(&sealed).unwrap().unwrap().recipients().unwrap()[0];
    assert!(matches!(site.revoke(&sealed, &own), Err(AccessError::NotGranted(_))));
    let permit = site.permit_read(&project(), &sealed, ReadAction::Show).unwrap();
    assert!(matches!(site.grant(&permit, &sealed, &other), Err(AccessError::NotCovered(_))), "a permit to look");
}
