//! Proofs that go to outsiders.

use sluis_access::{AuditProof, AuditProofError, Claim, Proved};

use super::*;

/// As it goes out and comes back.
fn sent(proof: &AuditProof) -> AuditProof {
    AuditProof::parse(serde_json::to_string(proof).unwrap().as_bytes()).unwrap()
}

#[test]
fn every_record_is_proved_to_an_outsider() {
    let (folder, _) = closed_site();
    let key = folder.path().join("keys/audit.pub");
    let site = Site::open(folder.path()).unwrap();
    let records: Vec<_> = site.audit().records().unwrap().map(|record| record.unwrap().json().to_owned()).collect();
    for (number, json) in (0..).zip(&records) {
        let proof = sent(&site.prove_audit(Claim::Record(number)).unwrap());
        let Proved::Inclusion { record, content, .. } = proof.check(&key, None, None).unwrap() else { panic!() };
        assert_eq!((record, &content), (number, json));
        proof.check(&key, Some(json), None).unwrap();
        let other = proof.check(&key, Some(&json.replace("self", "else").replace("at", "to")), None);
        assert!(matches!(other, Err(AuditProofError::OtherRecord(_))), "{other:?}");
    }
    let refused = site.prove_audit(Claim::Record(1_000));
    assert!(matches!(refused, Err(AccessError::AuditLog(AuditError::NoRecord { record: 1_000, .. }))));
}

#[test]
fn growth_since_a_kept_checkpoint_is_proved_to_an_outsider() {
    let (folder, log) = closed_site();
    let key = folder.path().join("keys/audit.pub");
    let kept = folder.path().join("kept");
    fs::copy(folder.path().join("audit/checkpoint"), &kept).unwrap();
    let then = count(&log);
    let site = Site::open(folder.path()).unwrap();
    put(&site, b"more");
    let proof = sent(&site.prove_audit(Claim::Since(then)).unwrap());
    let proved = proof.check(&key, None, Some(&kept)).unwrap();
    assert!(matches!(proved, Proved::Consistency { from, size } if from == then && size > then + 2), "{proved:?}");
    assert!(matches!(proof.check(&key, None, None), Err(AuditProofError::NoEarlier(from)) if from == then));
    let other = sent(&site.prove_audit(Claim::Since(then - 1)).unwrap()).check(&key, None, Some(&kept));
    assert!(matches!(other, Err(AuditProofError::OtherEarlier { given, .. }) if given == then), "{other:?}");
}

#[test]
fn a_proof_that_was_changed_proves_nothing() {
    let (folder, _) = closed_site();
    let key = folder.path().join("keys/audit.pub");
    let proof =
        serde_json::to_string(&Site::open(folder.path()).unwrap().prove_audit(Claim::Record(4)).unwrap()).unwrap();
    let check = |text: &str| AuditProof::parse(text.as_bytes())?.check(&key, None, None);
    check(&proof).unwrap();
    let changes = [
        ("\\\"action\\\":\\\"", "\\\"action\\\":\\\"x"),
        ("\"index\":4", "\"index\":5"),
        ("\"format\":1", "\"format\":2"),
        ("\"hashes\":[", "\"hashes\":[\"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\","),
        ("\"checkpoint\":\"sluis", "\"checkpoint\":\"sluiz"),
    ];
    for (from, to) in changes {
        let changed = proof.replacen(from, to, 1);
        assert_ne!(changed, proof, "{from} is in {proof}");
        assert!(check(&changed).is_err(), "{to}");
    }
    let size = proof.split_once("\"size\":").unwrap().1.split_once(',').unwrap().0;
    let smaller = proof.replace(&format!("\"size\":{size}"), "\"size\":9");
    assert!(matches!(check(&smaller), Err(AuditProofError::OtherSize { proof: 9, .. })));
    let (other, _) = closed_site();
    let foreign = AuditProof::parse(proof.as_bytes()).unwrap().check(&other.path().join("keys/audit.pub"), None, None);
    assert!(matches!(foreign, Err(AuditProofError::Checkpoint(_))), "{foreign:?}");
}
