//! What is done with one blob, as the worker does it.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use object_store::{
    Attribute, Attributes, Error, GetOptions, GetResult, ObjectMeta, ObjectStoreExt, PutMode, PutOptions, PutPayload,
    UpdateVersion, list::PaginatedListOptions, path::Path,
};
use sluis_store::{
    StoreError,
    backend::{Listed, Mode, Name, Put, SMALL},
};

use crate::{
    BucketConfig, Options, Place,
    failure::{Oddity, about},
    service::Service,
};

/// Under this key each object carries who wrote it, so that a writer whose answer was lost knows its own work.
const WRITER: Attribute = Attribute::Metadata(std::borrow::Cow::Borrowed("sluis-writer"));
/// And under this one how long it is, if that was known before it was written.
const LENGTH: Attribute = Attribute::Metadata(std::borrow::Cow::Borrowed("sluis-length"));

/// A blob that was freshened within this time counts as fresh.
const FRESH: Duration = Duration::from_secs(60);

/// How often a blob is put or freshened anew because others put or take it away at the same time.
const ROUNDS: usize = 16;

/// How often an answer is asked for again that contradicts itself.
const TRIES: usize = 3;

/// A bucket's client with what it needs to know.
pub struct Blobs {
    pub service: Service,
    pub config: BucketConfig,
    pub options: Options,
}

/// Who writes one blob, or tries to: random, so that no two have the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token(String);

impl Token {
    pub fn new() -> Result<Self, Oddity> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|_| Oddity::Told("there are no random numbers".to_owned()))?;
        Ok(Self(hex::encode(bytes)))
    }

    pub fn attributes(&self) -> Attributes {
        Attributes::from_iter([(WRITER, self.0.clone())])
    }
}

/// An object, who wrote it, and how long it was to be.
pub struct Seen {
    pub meta: ObjectMeta,
    writer: Option<String>,
}

impl Seen {
    pub fn is_of(&self, token: &Token) -> bool {
        self.writer.as_deref() == Some(&token.0)
    }
}

impl Blobs {
    pub const fn place(&self) -> &Place {
        self.config.place()
    }

    pub fn path(&self, name: &Name) -> Path {
        // A name means itself as a path: it has no part that would be encoded.
        Path::from(format!("{}{name}", self.place().start()))
    }

    /// Puts a blob whose content is in memory.
    pub async fn put_bytes(&self, name: &Name, bytes: Bytes, mode: Mode) -> Result<Put, StoreError> {
        let failed = about(self.place(), name, "written");
        let token = Token::new().map_err(about(self.place(), name, "written"))?;
        let mut attributes = token.attributes();
        attributes.insert(LENGTH, bytes.len().to_string().into());
        let mode = match mode {
            Mode::Create => PutMode::Create,
            Mode::Replace => PutMode::Overwrite,
        };
        for _ in 0..ROUNDS {
            let options = PutOptions { mode: mode.clone(), attributes: attributes.clone(), ..PutOptions::default() };
            let payload = PutPayload::from_bytes(bytes.clone());
            match self.service.client.put_opts(&self.path(name), payload, options).await {
                Ok(_) => return Ok(Put::Written),
                Err(Error::AlreadyExists { .. }) => match self.see(name).await? {
                    // The answer to an earlier try was lost.
                    Some(seen) if seen.is_of(&token) => return Ok(Put::Written),
                    Some(_) => return Ok(Put::Existing),
                    // It was taken away in between.
                    None => {}
                },
                Err(error) => return Err(failed(error)),
            }
        }
        Err(about(self.place(), name, "written")(Oddity::Restless))
    }

    /// Looks at a blob.
    pub async fn see(&self, name: &Name) -> Result<Option<Seen>, StoreError> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        let Some(result) = self.get(name, options, "looked at").await? else { return Ok(None) };
        let length = result.attributes.get(&LENGTH).and_then(|length| length.parse().ok());
        if let Some(expected) = length.filter(|length| *length != result.meta.size) {
            let oddity = Oddity::Length { told: result.meta.size, expected };
            return Err(about(self.place(), name, "looked at")(oddity));
        }
        let writer = result.attributes.get(&WRITER).map(|writer| writer.as_ref().to_owned());
        Ok(Some(Seen { meta: result.meta, writer }))
    }

    pub fn listed(name: Name, meta: &ObjectMeta) -> Listed {
        Listed { name, size: meta.size, modified: SystemTime::from(meta.last_modified) }
    }

    async fn get(
        &self,
        name: &Name,
        options: GetOptions,
        doing: &'static str,
    ) -> Result<Option<GetResult>, StoreError> {
        match self.service.client.get_opts(&self.path(name), options).await {
            Ok(result) => Ok(Some(result)),
            Err(error @ Error::NotFound { .. }) => self.confirm_missing(&error).await.map(|()| None),
            Err(error) => Err(about(self.place(), name, doing)(error)),
        }
    }

    /// A blob is missing only if its bucket is not.
    pub async fn confirm_missing(&self, error: &Error) -> Result<(), StoreError> {
        let Error::NotFound { source, .. } = error else { return Ok(()) };
        // Both clouds say so in the body of the answer, but not to a HEAD request.
        if source.to_string().contains("<Code>NoSuchKey</Code>") {
            return Ok(());
        }
        let options = PaginatedListOptions { max_keys: Some(1), ..PaginatedListOptions::default() };
        let probe = self.service.client.list_paginated(Some(&self.place().start()), options).await;
        probe.map(drop).map_err(|error| {
            let source = Box::new(Oddity::Vanished(error));
            StoreError::Remote { name: self.place().to_string(), doing: "used", source }
        })
    }

    /// The content of a small blob.
    pub async fn read(&self, name: &Name) -> Result<Option<(Bytes, GetInfo)>, StoreError> {
        let mut last = None;
        for _ in 0..TRIES {
            let Some(result) = self.get(name, GetOptions::default(), "read").await? else { return Ok(None) };
            let told = result.meta.size;
            if told > SMALL {
                return Err(StoreError::Damaged(format!("{}/{name}", self.place())));
            }
            let info = GetInfo { meta: result.meta.clone(), attributes: result.attributes.clone() };
            let expected = result.attributes.get(&LENGTH).and_then(|length| length.parse().ok()).unwrap_or(told);
            let bytes = result.bytes().await.map_err(about(self.place(), name, "read"))?;
            let given = bytes.len() as u64;
            if given == expected && told == expected {
                return Ok(Some((bytes, info)));
            }
            last = Some(Oddity::Length { told: given, expected });
        }
        Err(about(self.place(), name, "read")(last.unwrap_or(Oddity::Changed)))
    }

    /// Makes a blob young: writes it over itself, on the condition that nobody else wrote or deleted it meanwhile, so
    /// that nothing that was taken away comes back.
    pub async fn freshen(&self, name: &Name) -> Result<bool, StoreError> {
        for _ in 0..ROUNDS {
            let Some((bytes, info)) = self.read(name).await? else { return Ok(false) };
            let age = SystemTime::now().duration_since(info.meta.last_modified.into());
            if age.is_ok_and(|age| age < FRESH) {
                return Ok(true);
            }
            let version = UpdateVersion { e_tag: info.meta.e_tag, version: info.meta.version };
            // With the attributes as they were: its writer may still have to tell it from another's.
            let (mode, attributes) = (PutMode::Update(version), info.attributes);
            let options = PutOptions { mode, attributes, ..PutOptions::default() };
            match self.service.client.put_opts(&self.path(name), PutPayload::from_bytes(bytes), options).await {
                Ok(_) => return Ok(true),
                Err(Error::Precondition { .. } | Error::AlreadyExists { .. } | Error::NotFound { .. }) => {}
                Err(error) => return Err(about(self.place(), name, "freshened")(error)),
            }
        }
        Err(about(self.place(), name, "freshened")(Oddity::Restless))
    }

    /// Takes a blob away.
    pub async fn delete(self: Arc<Self>, name: Name) -> Result<(), StoreError> {
        match self.service.client.delete(&self.path(&name)).await {
            Ok(()) => Ok(()),
            Err(error @ Error::NotFound { .. }) => self.confirm_missing(&error).await,
            Err(error) => Err(about(self.place(), &name, "removed")(error)),
        }
    }
}

/// What an answer says beside the content.
pub struct GetInfo {
    meta: ObjectMeta,
    attributes: Attributes,
}
