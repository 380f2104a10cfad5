//! Listing blobs page by page.

use std::{sync::Arc, vec};

use object_store::list::PaginatedListOptions;
use sluis_store::{
    StoreError,
    backend::{Listed, Name},
};

use crate::{
    blobs::Blobs,
    failure::{Oddity, about_bucket},
    worker::Worker,
};

/// The blobs whose names begin with a prefix, in order.
pub struct Pages {
    blobs: Arc<Blobs>,
    worker: Arc<Worker>,
    prefix: String,
    page: vec::IntoIter<Listed>,
    next: Next,
    last: Option<Name>,
}

/// What comes after this page.
enum Next {
    First,
    Token(String),
    End,
}

impl Pages {
    /// A listing whose first page is there.
    pub fn begin(blobs: &Arc<Blobs>, worker: &Arc<Worker>, prefix: &str) -> Result<Self, StoreError> {
        let (blobs, worker, prefix) = (Arc::clone(blobs), Arc::clone(worker), prefix.to_owned());
        let mut pages = Self { blobs, worker, prefix, page: Vec::new().into_iter(), next: Next::First, last: None };
        pages.turn()?;
        Ok(pages)
    }

    fn turn(&mut self) -> Result<(), StoreError> {
        let page_token = match std::mem::replace(&mut self.next, Next::End) {
            Next::First => None,
            Next::Token(token) => Some(token),
            Next::End => return Ok(()),
        };
        let start = self.blobs.place().start();
        let prefix = format!("{start}{}", self.prefix);
        let max_keys = Some(self.blobs.options.page);
        let options = PaginatedListOptions { page_token, max_keys, ..PaginatedListOptions::default() };
        let blobs = Arc::clone(&self.blobs);
        let listed = self.worker.run(async move { blobs.service.client.list_paginated(Some(&prefix), options).await });
        let page = listed.map_err(about_bucket(self.blobs.place(), "listed"))?;
        let page = page.map_err(about_bucket(self.blobs.place(), "listed"))?;
        let mut blobs = Vec::with_capacity(page.result.objects.len());
        for meta in &page.result.objects {
            // What is no blob's name was not put by a store.
            let name = meta.location.as_ref().strip_prefix(&start).and_then(|name| Name::new(name).ok());
            let Some(name) = name else { continue };
            if let Some(before) = self.last.as_ref().filter(|last| **last >= name) {
                let disorder = Oddity::Disorder { before: before.to_string(), after: name.to_string() };
                return Err(about_bucket(self.blobs.place(), "listed")(disorder));
            }
            self.last = Some(name.clone());
            blobs.push(Blobs::listed(name, meta));
        }
        self.page = blobs.into_iter();
        self.next = page.page_token.filter(|token| !token.is_empty()).map_or(Next::End, Next::Token);
        Ok(())
    }
}

impl Iterator for Pages {
    type Item = Result<Listed, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(listed) = self.page.next() {
                return Some(Ok(listed));
            }
            if matches!(self.next, Next::End) {
                return None;
            }
            if let Err(error) = self.turn() {
                return Some(Err(error));
            }
        }
    }
}
