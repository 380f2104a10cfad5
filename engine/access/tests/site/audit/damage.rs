//! Every way in which a log can be changed is noticed, and told by its own name.

use std::collections::BTreeSet;

use super::*;

/// A line of the journal with a right hash, whoever wrote it.
fn line(sequence: u64, previous: &str, body: &str) -> (String, String) {
    let hash = blake3::hash(format!("{sequence}\n{previous}\n{body}").as_bytes()).to_hex().to_string();
    (format!("{{\"seq\":{sequence},\"prev\":\"{previous}\",\"hash\":\"{hash}\",\"body\":{body}}}\n"), hash)
}

/// The lines of a log whose contents were changed from a record on, with all hashes worked out anew.
fn rewritten(lines: &[String], from: usize, to: usize) -> Vec<String> {
    let field = |line: &str, name: &str| {
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        json[name].as_str().unwrap().to_owned()
    };
    let mut all = lines.to_vec();
    let mut previous = field(&lines[from], "prev");
    for number in from..to {
        let body = lines[number].split_once("\"body\":").unwrap().1.trim_end().strip_suffix('}').unwrap();
        let body = body.replacen("\"at\":\"2", "\"at\":\"1", 1);
        (all[number], previous) = line(number as u64, &previous, &body);
    }
    all
}

fn lines(log: &Path) -> Vec<String> {
    fs::read_to_string(log).unwrap().split_inclusive('\n').map(str::to_owned).collect()
}

#[test]
fn each_kind_of_damage_is_told_by_its_name() {
    let (folder, log) = closed_site();
    let whole = lines(&log);
    let all = count(&log);
    let mut messages = BTreeSet::new();
    let mut found = |changed: Vec<String>| {
        fs::write(&log, changed.concat()).unwrap();
        let error = verify(folder.path()).unwrap_err();
        messages.insert(error.to_string());
        error
    };
    for record in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[record] = flipped[record].replacen("\"action\":\"", "\"action\":\"x", 1);
        let error = found(flipped);
        assert!(matches!(error, AuditError::Changed { record: r, .. } if r == record as u64), "{record}: {error}");
        let mut dropped = whole.clone();
        dropped.remove(record);
        let error = found(dropped);
        let number = record as u64;
        if record + 1 == whole.len() {
            assert!(matches!(error, AuditError::Cut { found, .. } if found == number), "{error}");
        } else {
            assert!(
                matches!(error, AuditError::Missing { first, last } if (first, last) == (number, number)),
                "{error}"
            );
            let mut swapped = whole.clone();
            swapped.swap(record, record + 1);
            let error = found(swapped);
            assert!(matches!(error, AuditError::Moved { record: r } if r == number), "{record}: {error}");
            let error = found(rewritten(&whole, record, record + 1));
            assert!(matches!(error, AuditError::Unchained { record: r } if r == number + 1), "{record}: {error}");
            let mut repeated = whole.clone();
            repeated.insert(record + 1, whole[record].clone());
            let error = found(repeated);
            assert!(matches!(error, AuditError::Moved { record: r } if r == number), "{record}: {error}");
        }
        // With every hash of the chain worked out anew: only the signature tells.
        let error = found(rewritten(&whole, record, whole.len()));
        assert!(matches!(error, AuditError::Rewritten { signed } if signed == all), "{record}: {error}");
        if record > 0 {
            let error = found(whole[..record].to_vec());
            assert!(matches!(error, AuditError::Cut { signed, .. } if signed == all), "{record}: {error}");
        }
    }
    // Of each record one of its own, and one for all of them together.
    assert!(messages.len() > 4 * whole.len(), "{messages:#?}");
    fs::write(&log, whole.concat()).unwrap();
    verify(folder.path()).unwrap();
}

#[test]
fn another_site_s_checkpoint_and_the_wrong_key_are_told() {
    let (folder, log) = closed_site();
    let (other, _) = closed_site();
    let own = fs::read(&log).unwrap();
    // Every hash of the other site's log is right, and so is its signature, but not by this site's key.
    fs::copy(other.path().join("audit/log.jsonl"), &log).unwrap();
    assert!(matches!(verify(folder.path()), Err(AuditError::Rewritten { .. })));
    let checkpoint = folder.path().join("audit/checkpoint");
    let signed = fs::read(&checkpoint).unwrap();
    fs::copy(other.path().join("audit/checkpoint"), &checkpoint).unwrap();
    let told = |error: AuditError| {
        assert!(matches!(error, AuditError::Checkpoint { .. }), "{error}");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("another site's, or the wrong key"), "{cause}");
    };
    told(verify(folder.path()).unwrap_err());
    assert!(matches!(Site::open(folder.path()), Err(AccessError::AuditLog(_))));
    fs::write(&log, own).unwrap();
    fs::write(&checkpoint, &signed).unwrap();
    let key = other.path().join("keys/audit.pub");
    told(verify_audit_log(&folder.path().join("audit"), &key, None).unwrap_err());
    for place in 0..signed.len() {
        let mut changed = signed.clone();
        changed[place] ^= 1;
        fs::write(&checkpoint, changed).unwrap();
        assert!(verify(folder.path()).is_err(), "byte {place} of the checkpoint");
    }
    fs::remove_file(&checkpoint).unwrap();
    assert!(matches!(verify(folder.path()), Err(AuditError::NoCheckpoint(_))));
    assert!(matches!(Site::open(folder.path()), Err(AccessError::AuditLog(_))));
    fs::write(&checkpoint, signed).unwrap();
    verify(folder.path()).unwrap();
    let wrong = folder.path().join("wrong.pub");
    fs::write(&wrong, "no key").unwrap();
    let error = verify_audit_log(&folder.path().join("audit"), &wrong, None).unwrap_err();
    assert!(matches!(error, AuditError::PublicKey(_)), "{error}");
}

#[test]
fn what_the_site_itself_rewrote_is_told_by_a_checkpoint_that_was_kept() {
    let (folder, log) = closed_site();
    let audit = folder.path().join("audit");
    let files = ["log.jsonl", "checkpoint", "tree.json"];
    let before: Vec<_> = files.iter().map(|name| fs::read(audit.join(name)).unwrap()).collect();
    let early = count(&log);
    put(&Site::open(folder.path()).unwrap(), b"to be hidden");
    let late = count(&log);
    let kept = folder.path().join("kept");
    fs::copy(audit.join("checkpoint"), &kept).unwrap();
    let key = folder.path().join("keys/audit.pub");
    let since = || verify_audit_log(&audit, &key, Some(&kept));
    assert_eq!(since().unwrap().agrees_with, Some(late));
    // Who has the site's key puts an earlier state back and goes on from there.
    files.iter().zip(&before).for_each(|(name, content)| fs::write(audit.join(name), content).unwrap());
    verify(folder.path()).unwrap();
    assert!(matches!(since(), Err(AuditError::CutSince { found, size }) if (found, size) == (early, late)));
    let site = Site::open(folder.path()).unwrap();
    for text in [b"harmless 1", b"harmless 2"] {
        put(&site, text);
    }
    assert!(matches!(site.audit().verify(Some(&kept)), Err(AuditError::Contradicted { size }) if size == late));
    drop(site);
    verify(folder.path()).unwrap();
    assert!(matches!(since(), Err(AuditError::Contradicted { size }) if size == late));
}

#[test]
fn opening_does_not_read_what_is_signed_and_the_cache_is_only_a_cache() {
    let (folder, log) = closed_site();
    let tree = folder.path().join("audit/tree.json");
    let whole = fs::read(&log).unwrap();
    // A missing, damaged or foreign cache is made anew.
    let (other, _) = closed_site();
    let foreign = fs::read(other.path().join("audit/tree.json")).unwrap();
    for cache in [None, Some(&b"{}"[..]), Some(b""), Some(&foreign)] {
        match cache {
            None => fs::remove_file(&tree).unwrap(),
            Some(cache) => fs::write(&tree, cache).unwrap(),
        }
        let site = Site::open(folder.path()).unwrap();
        put(&site, b"more");
        site.audit().verify(None).unwrap();
    }
    let records = fs::read(&log).unwrap();
    assert!(records.starts_with(&whole) && records.len() > whole.len());
    // With the cache nobody looks at the first record again, unless they verify.
    let mut changed = records;
    changed[100] ^= 1;
    fs::write(&log, &changed).unwrap();
    let site = Site::open(folder.path()).unwrap();
    put(&site, b"two more");
    drop(site);
    assert!(matches!(verify(folder.path()), Err(AuditError::Changed { record: 0, .. })));
    // Without it the log must hash to the signed root, or nothing is permitted.
    fs::remove_file(&tree).unwrap();
    let site = Site::open(folder.path()).unwrap();
    let _ = site.permit_put(&project(), &of_dataset("personal"));
    assert!(site.audit().verify(None).is_err());
    assert!(matches!(site.permit_put(&project(), &of_dataset("personal")), Err(AccessError::Audit(_))));
}

#[test]
fn a_site_of_an_earlier_version_is_told_from_one_whose_checkpoint_was_removed() {
    let (folder, log) = closed_site();
    let checkpoint = log.with_file_name("checkpoint");
    fs::rename(&checkpoint, checkpoint.with_extension("json")).unwrap();
    let text = Site::open(folder.path()).unwrap_err().to_string();
    assert!(text.contains("checkpoint.json was written by an earlier version"), "{text}");
    fs::remove_file(checkpoint.with_extension("json")).unwrap();
    let text = Site::open(folder.path()).unwrap_err().to_string();
    assert!(text.contains("there is no checkpoint"), "{text}");
}

/// `docs/audit.md` says the same of what cannot be seen.
#[test]
fn what_stands_behind_the_newest_checkpoint_is_chained_and_not_yet_signed() {
    let (folder, log) = closed_site();
    let audit = folder.path().join("audit");
    let kept = folder.path().join("kept");
    fs::copy(audit.join("checkpoint"), &kept).unwrap();
    let (whole, all) = (lines(&log), count(&log));
    let last: serde_json::Value = serde_json::from_str(whole.last().unwrap()).unwrap();
    let body = r#"{"at":"2026-11-23T10:15:00Z","decision":"allow","action":"show","caller":"somebody"}"#;
    let (forged, _) = line(all, last["hash"].as_str().unwrap(), body);
    let write = |more: &str| fs::write(&log, format!("{}{more}", whole.concat())).unwrap();

    // Who knows no secret can add a record that fits: it is only counted as not signed.
    write(&forged);
    let found = verify(folder.path()).unwrap();
    assert_eq!((found.records, found.signed), (all + 1, all));
    // One that does not fit is told.
    write(&line(all, &"0".repeat(64), body).0);
    assert!(matches!(verify(folder.path()), Err(AuditError::Unchained { record }) if record == all));
    write(&line(all + 1, last["hash"].as_str().unwrap(), body).0);
    assert!(verify(folder.path()).is_err());
    write(&forged.replacen("somebody", "anybody", 1));
    assert!(matches!(verify(folder.path()), Err(AuditError::Changed { record, .. }) if record == all));
    // Nor is it seen when such a record is taken away, before it is signed.
    write("");
    assert_eq!(verify(folder.path()).unwrap().records, all);

    // The site goes on behind it, and its next checkpoint signs it like all others: no later look tells it from them.
    write(&forged);
    put(&Site::open(folder.path()).unwrap(), b"more");
    let found = verify(folder.path()).unwrap();
    assert!(found.signed == found.records && found.signed > all + 1, "{found:?}");
    let key = folder.path().join("keys/audit.pub");
    assert_eq!(verify_audit_log(&audit, &key, Some(&kept)).unwrap().agrees_with, Some(all));
    // From then on it cannot be taken away, either.
    let signed = lines(&log);
    fs::write(&log, [&signed[..all as usize], &signed[all as usize + 1..]].concat().concat()).unwrap();
    assert!(matches!(verify(folder.path()), Err(AuditError::Missing { first, .. }) if first == all));
}
