//! Whatever bytes stand in the place of a record, a label set, a header packet, a task entry, a pin or the note of a
//! removal: nothing panics, nothing but what was sealed is given out, and every question about the store has an answer or
//! an error.
//!
//! `PROPTEST_CASES=1000000 cargo test --release -p sluis-access --test site hostile` looks longer.

use std::sync::{LazyLock, Mutex, PoisonError};

use proptest::{prelude::*, sample::Index};
use sluis_access::{Checked, Permit};
use sluis_model::TaskKey;
use sluis_store::Pinned;

use super::*;

/// A site with one thing of each kind, and the files that hold them.
struct World {
    _folder: tempfile::TempDir,
    site: Site,
    text: Vec<u8>,
    address: Address,
    key: TaskKey,
    reader: Permit,
    check: Permit,
    files: Vec<(PathBuf, Vec<u8>)>,
}

static WORLD: LazyLock<Mutex<World>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let site = site(folder.path());
    let text = vec![b'x'; 70_000];
    let address = put(&site, &text).address;
    let inputs = [address];
    let permit = site.permit_task(&request(&run(), &project(), &inputs, &Labels::default())).unwrap();
    let key = site.task_key(b"task");
    site.put_task(&permit, &tasks::record(key, &inputs, address)).unwrap();
    site.pin(&Pinned::Object(address), "figure 2").unwrap();
    let store = folder.path().join("store");
    let mut files = parts(&site, &address);
    files.pop();
    files.extend(walk(&store.join("tasks")).into_iter().chain(walk(&store.join("pins"))));
    let mut files: Vec<_> = files.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    files.push((store.join("doomed").join(address.hex()), b"undecided\nbody x\n".to_vec()));
    let reader = site.permit_read(&project(), &address, ReadAction::Show).unwrap();
    let check = site.permit_check(&[address]).unwrap();
    Mutex::new(World { _folder: folder, site, text, address, key, reader, check, files })
});

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}

/// How a file is changed.
#[derive(Clone, Debug)]
enum Change {
    Anything(Vec<u8>),
    Flip(Index, u8),
    Cut(Index),
    Insert(Index, Vec<u8>),
    LikeAnother(Index),
    Gone,
}

fn change() -> impl Strategy<Value = Change> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..300);
    prop_oneof![
        bytes().prop_map(Change::Anything),
        (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        any::<Index>().prop_map(Change::Cut),
        (any::<Index>(), bytes()).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        any::<Index>().prop_map(Change::LikeAnother),
        Just(Change::Gone),
    ]
}

impl World {
    fn change(&self, which: &Index, change: &Change) {
        let (path, bytes) = which.get(&self.files);
        let mut bytes = bytes.clone();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match change {
            Change::Gone => return fs::remove_file(path).unwrap_or_default(),
            Change::Anything(other) => bytes.clone_from(other),
            Change::Flip(at, bit) => {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            Change::Cut(at) => bytes.truncate(at.index(bytes.len())),
            Change::Insert(at, more) => {
                let at = at.index(bytes.len());
                drop(bytes.splice(at..at, more.iter().copied()));
            }
            Change::LikeAnother(other) => bytes.clone_from(&other.get(&self.files).1),
        }
        fs::write(path, bytes).unwrap();
    }

    fn restore(&self) {
        let _ = fs::remove_dir_all(self.site.dir().join("store/damaged"));
        for (path, bytes) in &self.files {
            if path.parent().unwrap().ends_with("doomed") {
                let _ = fs::remove_file(path);
            } else {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
            }
        }
    }

    /// Asks everything.
    fn ask(&self) -> Result<(), TestCaseError> {
        let (site, address) = (&self.site, &self.address);
        let found = site.check(&self.check, address).unwrap();
        prop_assert!(matches!(found, Checked::Whole(70_000) | Checked::Damaged(_) | Checked::Gone), "{:?}", found);
        let mut out = Vec::new();
        if let Ok(mut reader) = site.unseal(&self.reader, address) {
            let _ = reader.read_to_end(&mut out);
        }
        prop_assert!(self.text.starts_with(&out));
        let whole = tasks::record(self.key, &[*address], *address);
        if let Ok(Some(task)) = site.task(&self.key) {
            prop_assert_eq!(task, whole);
        }
        let pins = site.permit_survey().and_then(|permit| site.pins(&permit));
        let _ = (site.facts(address), site.tasks().map(Iterator::count), pins, site.store().inventory());
        let _ = (site.store().labelled().map(Iterator::count), site.store().set_aside_addresses());
        let since = SystemTime::now() - Duration::from_secs(3600);
        let _ = (site.store().settle_tasks(&|_| true), site.store().settle_objects(since, &|_| true));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_stands_in_the_store_nothing_panics(changes in prop::collection::vec((any::<Index>(), change()), 1..4)) {
        let world = WORLD.lock().unwrap_or_else(PoisonError::into_inner);
        changes.iter().for_each(|(which, how)| world.change(which, how));
        let outcome = world.ask();
        world.restore();
        outcome?;
    }
}
