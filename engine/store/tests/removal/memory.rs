//! A store in memory whose clock tests turn back, and gates between its calls.

use std::{
    any::Any,
    collections::BTreeMap,
    io::{Cursor, Write},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{Receiver, Sender},
    },
    time::{Duration, SystemTime},
};

use sluis_store::{
    Store, StoreError,
    backend::{Backend, Content, Listed, Listing, Mode, Name, NewBlob, OpenBlob, Put, Upload},
};

type Blobs = BTreeMap<Name, (Vec<u8>, SystemTime)>;

/// Blobs in memory.
#[derive(Clone, Default, Debug)]
pub struct Memory(Arc<Mutex<Blobs>>);

#[derive(Debug)]
struct Buffer(Vec<u8>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Upload for Buffer {
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

impl Memory {
    /// Makes everything two days older.
    pub fn age(&self) {
        for (_, modified) in self.0.lock().unwrap().values_mut() {
            *modified -= Duration::from_secs(2 * 86_400);
        }
    }

    pub fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().keys().map(ToString::to_string).collect()
    }
}

impl Backend for Memory {
    fn place(&self) -> String {
        "memory".to_owned()
    }

    fn put(&self, stages: Vec<Vec<NewBlob>>) -> Result<Vec<Vec<Put>>, StoreError> {
        let mut blobs = self.0.lock().unwrap();
        let mut put = |blob: NewBlob| {
            if blob.mode == Mode::Create && blobs.contains_key(&blob.name) {
                return Put::Existing;
            }
            let bytes = match blob.content {
                Content::Bytes(bytes) => bytes,
                Content::Upload(upload) => upload.into_any().downcast::<Buffer>().unwrap().0,
            };
            blobs.insert(blob.name, (bytes, SystemTime::now()));
            Put::Written
        };
        Ok(stages.into_iter().map(|stage| stage.into_iter().map(&mut put).collect()).collect())
    }

    fn begin(&self, _name: &Name) -> Result<Box<dyn Upload>, StoreError> {
        Ok(Box::new(Buffer(Vec::new())))
    }

    fn read(&self, name: &Name) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.lock().unwrap().get(name).map(|(bytes, _)| bytes.clone()))
    }

    fn open(&self, name: &Name) -> Result<Option<Box<dyn OpenBlob>>, StoreError> {
        Ok(self.read(name)?.map(|bytes| Box::new(Cursor::new(bytes)) as Box<dyn OpenBlob>))
    }

    fn look(&self, name: &Name) -> Result<Option<Listed>, StoreError> {
        let listed = |(bytes, modified): &(Vec<u8>, SystemTime)| Listed {
            name: name.clone(),
            size: bytes.len() as u64,
            modified: *modified,
        };
        Ok(self.0.lock().unwrap().get(name).map(listed))
    }

    fn freshen(&self, name: &Name) -> Result<bool, StoreError> {
        let mut blobs = self.0.lock().unwrap();
        let Some((_, modified)) = blobs.get_mut(name) else { return Ok(false) };
        *modified = SystemTime::now();
        Ok(true)
    }

    fn delete(&self, names: &[Name]) -> Result<(), StoreError> {
        self.0.lock().unwrap().retain(|name, _| !names.contains(name));
        Ok(())
    }

    fn list(&self, prefix: &str) -> Result<Listing<'_>, StoreError> {
        let names: Vec<_> =
            self.0.lock().unwrap().keys().filter(|name| name.as_str().starts_with(prefix)).cloned().collect();
        let listed = names.into_iter().filter_map(|name| self.look(&name).transpose()).collect::<Vec<_>>();
        Ok(Box::new(listed.into_iter()))
    }

    fn sweep_unfinished(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// What happens before a certain call.
#[derive(Debug)]
pub enum Before {
    /// It and every later one fail, as if the process had been killed.
    Killed,
    /// It says so, and waits until it may go on.
    Pause { reached: Sender<()>, go_on: Mutex<Receiver<()>> },
    /// Somebody does this, and is told whether the object is there.
    Uses { store: Store, user: fn(&Store) -> bool, told: Arc<AtomicBool> },
}

/// A backend with a gate before one of its calls.
#[derive(Debug)]
pub struct Gated {
    pub inner: Arc<dyn Backend>,
    pub at: usize,
    pub before: Before,
    pub calls: AtomicUsize,
}

impl Gated {
    pub fn new(inner: &Arc<dyn Backend>, at: usize, before: Before) -> Arc<Self> {
        Arc::new(Self { inner: Arc::clone(inner), at, before, calls: AtomicUsize::new(0) })
    }

    /// Whether the gate was reached.
    pub fn is_reached(&self) -> bool {
        self.calls.load(Ordering::SeqCst) > self.at
    }

    fn pass(&self) -> Result<(), StoreError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        match &self.before {
            Before::Killed if call >= self.at => Err(StoreError::Missing("killed".to_owned())),
            Before::Pause { reached, go_on } if call == self.at => {
                reached.send(()).unwrap();
                go_on.lock().unwrap().recv().unwrap();
                Ok(())
            }
            Before::Uses { store, user, told } if call == self.at => {
                told.store(user(store), Ordering::SeqCst);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Backend for Gated {
    fn place(&self) -> String {
        self.inner.place()
    }

    /// Killed within a put, the earlier stages are there; so each stage is a call of its own.
    fn put(&self, stages: Vec<Vec<NewBlob>>) -> Result<Vec<Vec<Put>>, StoreError> {
        let mut puts = Vec::new();
        for stage in stages {
            self.pass()?;
            puts.extend(self.inner.put(vec![stage])?);
        }
        Ok(puts)
    }

    fn begin(&self, name: &Name) -> Result<Box<dyn Upload>, StoreError> {
        self.inner.begin(name)
    }

    fn read(&self, name: &Name) -> Result<Option<Vec<u8>>, StoreError> {
        self.pass()?;
        self.inner.read(name)
    }

    fn open(&self, name: &Name) -> Result<Option<Box<dyn OpenBlob>>, StoreError> {
        self.pass()?;
        self.inner.open(name)
    }

    fn look(&self, name: &Name) -> Result<Option<Listed>, StoreError> {
        self.pass()?;
        self.inner.look(name)
    }

    fn freshen(&self, name: &Name) -> Result<bool, StoreError> {
        self.pass()?;
        self.inner.freshen(name)
    }

    /// Others see some names gone before the rest, and so does whoever comes after it was killed.
    fn delete(&self, names: &[Name]) -> Result<(), StoreError> {
        for name in names {
            self.pass()?;
            self.inner.delete(std::slice::from_ref(name))?;
        }
        Ok(())
    }

    fn list(&self, prefix: &str) -> Result<Listing<'_>, StoreError> {
        self.pass()?;
        self.inner.list(prefix)
    }

    fn sweep_unfinished(&self) -> Result<(), StoreError> {
        self.inner.sweep_unfinished()
    }
}
