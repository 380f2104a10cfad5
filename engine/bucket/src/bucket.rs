//! The backend.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use sluis_store::{
    Backend, Listed, StoreError,
    backend::{Content, Listing, Mode, Name, NewBlob, OpenBlob, Put, Upload, foreign_upload},
};

use crate::{
    BucketConfig, Patience,
    blobs::Blobs,
    failure::{Oddity, about, about_bucket},
    listing::Pages,
    reader::BucketReader,
    service::Service,
    sweep,
    upload::{BucketUpload, Finish},
    whereabouts,
    worker::{Lost, Worker},
};

/// How a bucket is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// How long and how often a server is asked that does not answer well.
    pub patience: Patience,
    /// Bytes of the first parts of a large upload; the clouds take none below 5 MiB but the last.
    pub part_size: usize,
    /// How many parts of one upload, and how many small blobs of one stage, are on their way at the same time.
    pub in_flight: usize,
    /// The most bytes that are read at once.
    pub window: u64,
    /// How many blobs one page of a listing has at most.
    pub page: usize,
    /// Uploads that were begun so long ago and are not finished count as given up.
    pub abandoned_after: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            patience: Patience::default(),
            part_size: 8 << 20,
            in_flight: 8,
            window: 8 << 20,
            page: 1_000,
            abandoned_after: Duration::from_secs(7 * 86_400),
        }
    }
}

/// A bucket that was verified to lie where it must.
pub struct Bucket {
    blobs: Arc<Blobs>,
    worker: Arc<Worker>,
}

/// A blob with all that it takes to put it.
enum Ready {
    Bytes(Name, Bytes, Mode),
    Finish(Finish),
}

impl Bucket {
    /// Opens a bucket, after its server said that it lies in the region that the configuration names.
    ///
    /// # Errors
    /// If it lies elsewhere or that cannot be told ([`StoreError::Forbidden`]), or there are no credentials.
    pub fn open(config: &BucketConfig, options: Options) -> Result<Self, StoreError> {
        let place = config.place();
        let worker = Worker::start("bucket").map_err(about_bucket(place, "used"))?;
        let (config, patience) = (config.clone(), options.patience);
        // The client is made on the worker: it may ask for credentials in the background.
        let opened = worker.run(async move {
            let service = Service::new(&config, patience);
            let service = service.map_err(about_bucket(config.place(), "used"))?;
            let verified = whereabouts::verify(&service, &config).await;
            verified.map_err(|reason| StoreError::Forbidden { place: config.place().to_string(), reason })?;
            Ok(Blobs { service, config, options })
        });
        let blobs = opened.map_err(about_bucket(place, "used"))??;
        Ok(Self { blobs: Arc::new(blobs), worker: Arc::new(worker) })
    }

    /// Does something about a blob on the worker.
    fn run<T, F>(&self, doing: &'static str, name: &Name, work: impl FnOnce(Arc<Blobs>) -> F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let done = self.worker.run(work(Arc::clone(&self.blobs)));
        done.map_err(about::<Lost>(self.blobs.place(), name, doing))?
    }

    fn ready(&self, blob: NewBlob) -> Result<Ready, StoreError> {
        let upload = match blob.content {
            Content::Bytes(bytes) => return Ok(Ready::Bytes(blob.name, bytes.into(), blob.mode)),
            Content::Upload(upload) => upload,
        };
        let foreign = || about(self.blobs.place(), &blob.name, "written")(foreign_upload());
        let upload = upload.into_any().downcast::<BucketUpload>().map_err(|_| foreign())?;
        if blob.mode == Mode::Replace {
            return Err(about(self.blobs.place(), &blob.name, "written")(Oddity::Replacing));
        }
        upload.finish(&blob.name).map(Ready::Finish).ok_or_else(foreign)
    }
}

/// Puts the blobs of one stage, several at a time. Waits for all of them, also when one fails.
async fn put_stage(blobs: &Arc<Blobs>, stage: Vec<Ready>) -> Result<Vec<Put>, StoreError> {
    let put = |ready: Ready| async {
        match ready {
            Ready::Bytes(name, bytes, mode) => blobs.put_bytes(&name, bytes, mode).await,
            Ready::Finish(finish) => finish.carry_out(blobs).await,
        }
    };
    let puts: Vec<_> = stream::iter(stage).map(put).buffered(blobs.options.in_flight).collect().await;
    puts.into_iter().collect()
}

impl Backend for Bucket {
    fn place(&self) -> String {
        self.blobs.place().to_string()
    }

    fn put(&self, stages: Vec<Vec<NewBlob>>) -> Result<Vec<Vec<Put>>, StoreError> {
        let ready = |stage: Vec<NewBlob>| stage.into_iter().map(|blob| self.ready(blob)).collect();
        let stages = stages.into_iter().map(ready).collect::<Result<Vec<Vec<_>>, _>>()?;
        let blobs = Arc::clone(&self.blobs);
        let done = self.worker.run(async move {
            let mut puts = Vec::with_capacity(stages.len());
            for stage in stages {
                puts.push(put_stage(&blobs, stage).await?);
            }
            Ok(puts)
        });
        done.map_err(about_bucket(self.blobs.place(), "written"))?
    }

    fn begin(&self, name: &Name) -> Result<Box<dyn Upload>, StoreError> {
        Ok(Box::new(BucketUpload::begin(&self.blobs, &self.worker, name)))
    }

    fn read(&self, name: &Name) -> Result<Option<Vec<u8>>, StoreError> {
        let wanted = name.clone();
        let read = self.run("read", name, |blobs| async move { blobs.read(&wanted).await })?;
        Ok(read.map(|(bytes, _)| bytes.into()))
    }

    fn open(&self, name: &Name) -> Result<Option<Box<dyn OpenBlob>>, StoreError> {
        let wanted = name.clone();
        let seen = self.run("opened", name, |blobs| async move {
            match blobs.see(&wanted).await? {
                // That there is nothing to read is asked twice, since nothing that is read later could contradict it.
                Some(seen) if seen.meta.size == 0 => blobs.read(&wanted).await.map(|read| read.map(|_| seen)),
                seen => Ok(seen),
            }
        })?;
        let open = |meta| Box::new(BucketReader::new(&self.blobs, &self.worker, name, meta)) as Box<dyn OpenBlob>;
        Ok(seen.map(|seen| open(seen.meta)))
    }

    fn look(&self, name: &Name) -> Result<Option<Listed>, StoreError> {
        let wanted = name.clone();
        let seen = self.run("looked at", name, |blobs| async move { blobs.see(&wanted).await })?;
        Ok(seen.map(|seen| Blobs::listed(name.clone(), &seen.meta)))
    }

    fn freshen(&self, name: &Name) -> Result<bool, StoreError> {
        let wanted = name.clone();
        self.run("freshened", name, |blobs| async move { blobs.freshen(&wanted).await })
    }

    fn delete(&self, names: &[Name]) -> Result<(), StoreError> {
        let (blobs, names) = (Arc::clone(&self.blobs), names.to_vec());
        let done = self.worker.run(async move {
            let delete = |name| Arc::clone(&blobs).delete(name);
            let gone: Vec<_> = stream::iter(names).map(delete).buffered(blobs.options.in_flight).collect().await;
            gone.into_iter().collect()
        });
        done.map_err(about_bucket(self.blobs.place(), "written"))?
    }

    fn list(&self, prefix: &str) -> Result<Listing<'_>, StoreError> {
        Ok(Box::new(Pages::begin(&self.blobs, &self.worker, prefix)?))
    }

    fn sweep_unfinished(&self) -> Result<(), StoreError> {
        let blobs = Arc::clone(&self.blobs);
        let done = self.worker.run(async move { sweep::sweep(&blobs).await });
        done.map_err(about_bucket(self.blobs.place(), "swept"))?
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").field("place", self.blobs.place()).finish_non_exhaustive()
    }
}
