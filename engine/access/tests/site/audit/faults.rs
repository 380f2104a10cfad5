//! A log that cannot be written, or takes a record but cannot bring it to the disk: what the record tells of is not done.

use std::{
    io,
    num::NonZero,
    os::unix::fs::FileExt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use sluis_crypt4gh::SecretKey;
use sluis_journal::Disk;
use sluis_store::Pinned;

use super::*;
use crate::{
    erasure::{derive, put_of, withdraw},
    keys::rotation::begin,
    subjects::{of_subjects, subjects_site},
    tasks::record,
};

/// A disk that fails from the first record of one action on: it flushes nothing any more, or is full after half of that
/// record.
#[derive(Debug, Default)]
struct FaultyDisk {
    fails_from: Mutex<Option<String>>,
    is_full: bool,
    fails: AtomicBool,
}

impl FaultyDisk {
    fn fail_from(&self, action: &str) {
        *self.fails_from.lock().unwrap() = Some(format!("\"action\":\"{action}\""));
    }

    fn mend(&self) {
        *self.fails_from.lock().unwrap() = None;
        self.fails.store(false, Ordering::Relaxed);
    }

    fn has_failed(&self) -> bool {
        self.fails.load(Ordering::Relaxed)
    }
}

impl Disk for FaultyDisk {
    fn write(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        let fails_from = self.fails_from.lock().unwrap();
        // What is there already is only written again.
        let is_new = at >= file.metadata()?.len();
        if is_new && fails_from.as_ref().is_some_and(|action| String::from_utf8_lossy(bytes).contains(action)) {
            self.fails.store(true, Ordering::Relaxed);
        }
        if self.is_full && self.has_failed() {
            file.write_all_at(&bytes[..bytes.len() / 2], at)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        file.write_all_at(bytes, at)
    }

    fn flush(&self, file: &File) -> io::Result<()> {
        if self.has_failed() && !self.is_full { Err(io::Error::from_raw_os_error(5)) } else { file.sync_data() }
    }
}

fn nobody(_: &sluis_access::KeyPrompt) -> io::Result<zeroize::Zeroizing<String>> {
    Err(io::Error::other("nobody is asked"))
}

/// The same site, with a log on a disk that fails from the first record of an action on.
fn faulty(site: Site, action: &str) -> (Site, Arc<FaultyDisk>) {
    on_disk(site, FaultyDisk::default(), action)
}

/// The same, with a disk that is full then.
fn full(site: Site, action: &str) -> (Site, Arc<FaultyDisk>) {
    on_disk(site, FaultyDisk { is_full: true, ..FaultyDisk::default() }, action)
}

fn on_disk(site: Site, disk: FaultyDisk, action: &str) -> (Site, Arc<FaultyDisk>) {
    let folder = site.dir().to_owned();
    drop(site);
    let disk = Arc::new(disk);
    let site = Site::open_on(&folder, &nobody, disk.clone()).unwrap();
    disk.fail_from(action);
    (site, disk)
}

#[track_caller]
fn assert_unwritten<T>(outcome: Result<T, AccessError>, disk: &FaultyDisk) {
    match outcome {
        Err(AccessError::Audit(_)) => assert!(disk.has_failed(), "it failed before the record"),
        Err(other) => panic!("it failed for another reason: {other}"),
        Ok(_) => panic!("it did not fail"),
    }
}

/// Nothing is permitted, and once the disk is well again everything is, and the log is whole.
fn assert_recovers(site: &Site, disk: &FaultyDisk) {
    assert_unwritten(site.permit_put(&project(), &of_dataset("personal")), disk);
    disk.mend();
    put(site, b"afterwards");
    let summary = site.audit().verify(None).unwrap();
    assert_eq!(summary.records, summary.signed);
}

#[test]
fn no_byte_is_given_out_of_what_was_opened() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    for address in [put(&site, &[7; 100_000]).address, put(&site, b"").address] {
        let (site, disk) = faulty(Site::open(folder.path()).unwrap(), "use-key");
        let permit = site.permit_read(&project(), &address, ReadAction::Show).unwrap();
        let mut reader = site.unseal(&permit, &address).unwrap();
        let mut out = [0; 1000];
        for _ in 0..2 {
            let read = reader.read(&mut out).map_err(|error| site.reading_failed(&address, error));
            assert_unwritten(read, &disk);
            assert_eq!(out, [0; 1000]);
        }
        assert!(site.store().contains(&address).unwrap(), "the object is not damaged");
        disk.mend();
        let mut text = Vec::new();
        reader.read_to_end(&mut text).unwrap();
        assert_eq!(text.len() as u64, reader.size());
    }
}

#[test]
fn who_opens_into_a_writer_is_told_that_nobody_may_see_it() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let address = put(&site, b"text").address;
    let (site, disk) = faulty(site, "use-key");
    let permit = site.permit_read(&project(), &address, ReadAction::Export).unwrap();
    site.flush_log(&permit).unwrap();
    site.unseal_into(&permit, &address, io::sink(), NonZero::<usize>::MIN).unwrap();
    assert_unwritten(site.flush_log(&permit), &disk);
    assert_recovers(&site, &disk);
    site.flush_log(&permit).unwrap();
}

#[test]
fn on_a_full_disk_nothing_is_permitted_no_key_is_used_and_no_half_record_stays() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let address = put(&site, b"text").address;
    for action in ["show", "use-key"] {
        let (site, disk) = full(Site::open(folder.path()).unwrap(), action);
        assert_unwritten(show(&site, &address), &disk);
        assert_eq!(site.key_uses(), 0, "{action}");
        assert_unwritten(show(&site, &address), &disk);
        // An outsider finds the log whole.
        verify(folder.path()).unwrap();
        assert_recovers(&site, &disk);
        assert_eq!(show(&site, &address).unwrap(), b"text");
    }
}

#[test]
fn nothing_is_permitted_still_by_a_registry_that_the_log_was_not_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let (site, disk) = faulty(site, "no action");
    let (run, project, none) = (run(), project(), Labels::default());
    let permit = site.permit_task(&request(&run, &project, &[], &none)).unwrap();
    declare(&site, "trial-9");
    disk.fail_from("load-registry");
    for _ in 0..2 {
        assert_unwritten(site.still_permits(&permit), &disk);
    }
    disk.mend();
    site.still_permits(&permit).unwrap();
}

#[test]
fn nothing_is_erased() {
    let folder = tempfile::tempdir().unwrap();
    let site = subjects_site(folder.path());
    declare(&site, "trial-9");
    let mine = put_of(&site, &of_subjects(&["P012"]), b"reads of P012");
    let common = derive(&site, &[mine], b"no variant found");
    assert_eq!(common, put_of(&site, &of_dataset("trial-9"), b"no variant found"));
    let key = site.task_key(b"key");
    let (run, project, none) = (run(), project(), Labels::default());
    let permit = site.permit_task(&request(&run, &project, &[mine], &none)).unwrap();
    site.put_task(&permit, &record(key, &[mine], mine)).unwrap();
    withdraw(&site);
    let subject = "P012".parse().unwrap();
    for action in ["remove-task", "erased", "unlabelled"] {
        let (site, disk) = faulty(Site::open(folder.path()).unwrap(), action);
        assert_unwritten(site.erase_subject(&subject), &disk);
        assert_eq!(site.task(&key).unwrap().is_some(), action == "remove-task");
        assert!(site.store().contains(&mine).unwrap(), "{action}");
        assert_eq!(site.facts(&common).unwrap().labels.len(), 2, "{action}");
        assert_recovers(&site, &disk);
    }
    let site = Site::open(folder.path()).unwrap();
    assert_eq!(site.erase_subject(&subject).unwrap().objects.len(), 2);
    assert!(!site.store().contains(&mine).unwrap());
}

#[test]
fn nothing_is_granted_or_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let address = put(&site, b"text").address;
    let recipient = SecretKey::generate().unwrap().public_key();
    let grant = |site: &Site| {
        let permit = site.permit_read(&project(), &address, ReadAction::Grant)?;
        site.grant(&permit, &address, &recipient)
    };
    let (site, disk) = faulty(site, "granted");
    assert_unwritten(grant(&site), &disk);
    assert_eq!(site.granted_to(&address).unwrap(), []);
    assert_recovers(&site, &disk);
    grant(&site).unwrap();
    let (site, disk) = faulty(site, "revoked");
    assert_unwritten(site.revoke(&address, &recipient), &disk);
    assert_eq!(site.granted_to(&address).unwrap(), [recipient]);
    assert_recovers(&site, &disk);
    site.revoke(&address, &recipient).unwrap();
    assert_eq!(site.granted_to(&address).unwrap(), []);
}

#[test]
fn nothing_is_sealed_or_given_another_label() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    declare(&site, "trial-9");
    let known = put(&site, b"known").address;
    let addresses = |site: &Site| site.store().addresses().unwrap().count();
    for (action, text) in [("seal", &b"new"[..]), ("seal", &[7; 100_000]), ("seal-again", b"known")] {
        let (site, disk) = faulty(Site::open(folder.path()).unwrap(), action);
        let permit = site.permit_put(&project(), &of_dataset("trial-9")).unwrap();
        assert_unwritten(site.seal(&permit, text), &disk);
        assert_eq!(addresses(&site), 1);
        assert_eq!(site.facts(&known).unwrap().labels, [of_dataset("personal")]);
        disk.mend();
    }
    let site = Site::open(folder.path()).unwrap();
    put_for(&site, "trial-9", b"known");
    assert_eq!(site.facts(&known).unwrap().labels.len(), 2);
}

#[test]
fn no_task_is_kept_and_nothing_pinned_or_removed() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let address = put(&site, b"text").address;
    let pinned = Pinned::Object(address);
    let key = site.task_key(b"key");
    let now = SystemTime::now() + Duration::from_secs(60);
    let keep = |site: &Site| {
        let (run, project, none) = (run(), project(), Labels::default());
        let permit = site.permit_task(&request(&run, &project, &[address], &none))?;
        site.put_task(&permit, &record(key, &[address], address))
    };
    let pins = |site: &Site| site.pins(&site.permit_survey().unwrap()).unwrap().len();
    let (site, disk) = faulty(site, "keep-task");
    assert_unwritten(keep(&site), &disk);
    assert_eq!(site.task(&key).unwrap(), None);
    assert_recovers(&site, &disk);
    keep(&site).unwrap();
    let (site, disk) = faulty(site, "pinned");
    assert_unwritten(site.pin(&pinned, "for a test"), &disk);
    disk.mend();
    assert_eq!(pins(&site), 0);
    site.pin(&pinned, "for a test").unwrap();
    let (site, disk) = faulty(site, "unpinned");
    assert_unwritten(site.unpin(&pinned), &disk);
    disk.mend();
    assert_eq!(pins(&site), 1);
    for action in ["remove-task", "remove-object"] {
        let (site, disk) = faulty(Site::open(folder.path()).unwrap(), action);
        let permit = site.permit_collection().unwrap();
        let removed = site.collect_tasks(&permit, &[key], now).map(drop);
        assert_unwritten(removed.and_then(|()| site.collect_objects(&permit, &[address], now).map(drop)), &disk);
        assert_eq!(site.task(&key).unwrap().is_some(), action == "remove-task");
        assert!(site.store().contains(&address).unwrap());
    }
}

#[test]
fn nothing_is_set_aside_and_no_key_is_changed_or_shared() {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let address = put(&site, b"text").address;
    let recipients = [(); 2].map(|()| SecretKey::generate().unwrap().public_key());
    let public = fs::read(folder.path().join("keys/site.pub")).unwrap();
    let (site, disk) = faulty(site, "gave-key-share");
    assert_unwritten(site.split_key(&recipients, 2), &disk);
    let (site, disk) = faulty(site, "rotated-key");
    assert_unwritten(begin(&site), &disk);
    assert_eq!(fs::read(folder.path().join("keys/site.pub")).unwrap(), public);
    disk.mend();
    begin(&site).unwrap();
    drop(site);
    let (site, disk) = faulty(Site::open(folder.path()).unwrap(), "retired-key");
    assert_unwritten(site.finish_rotation(false, &mut |_| std::ops::ControlFlow::Continue(())), &disk);
    assert!(folder.path().join("keys/site.old.sec").exists());
    let (site, disk) = faulty(site, "set-aside-damaged");
    let body = parts(&site, &address).pop().unwrap();
    fs::write(&body, b"x").unwrap();
    let told = show(&site, &address).unwrap_err().to_string();
    assert!(told.contains("is damaged") && told.contains("the audit log cannot be written"), "{told}");
    assert!(disk.has_failed());
    assert!(site.store().contains(&address).unwrap());
    disk.mend();
    assert!(matches!(show(&site, &address), Err(AccessError::Damaged { .. })));
    assert!(!site.store().contains(&address).unwrap());
}
