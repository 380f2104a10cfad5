//! The suite of all backends over buckets of real servers, and what a bucket does when the server or the way to it is bad.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod faults;
mod front;
mod location;
mod proxy;
mod servers;
mod wire;

use std::time::Duration;

use sluis_bucket::{Bucket, BucketConfig, Options, Patience};
use sluis_store::{StoreError, suite::Subject};

use front::Front;
use proxy::Proxy;
use servers::Server;

/// A bucket for one test, with what it stands on.
struct Place {
    proxy: Proxy,
    _server: Server,
    config: BucketConfig,
}

/// No waiting, small pages and windows, so that their borders are met.
fn options() -> Options {
    let patience = Patience {
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(20),
        tries_for: Duration::from_secs(3),
        one_try: Duration::from_secs(60),
    };
    Options { patience, part_size: 5 << 20, in_flight: 4, window: 1 << 20, page: 7, ..Options::default() }
}

impl Place {
    fn new(address: &str, region: &str, server: Server, front: Option<Front>) -> Self {
        let proxy = Proxy::before(server.address, front);
        let endpoint = format!("http://{}", proxy.address).parse().unwrap();
        let config = BucketConfig::new(address.parse().unwrap(), region.parse().unwrap(), Some(endpoint)).unwrap();
        Self { proxy, _server: server, config }
    }

    fn google() -> Self {
        Self::new("gs://a-bucket/site", "europe-west4", servers::google("EUROPE-WEST4"), Some(Front::default()))
    }

    fn amazon() -> Self {
        Self::new("s3://a-bucket/site", "eu-central-1", servers::amazon("eu-central-1"), None)
    }

    fn open(&self) -> Result<Bucket, StoreError> {
        Bucket::open(&self.config, options())
    }
}

impl Subject for Place {
    type Backend = Bucket;

    fn handle(&self) -> Bucket {
        self.open().unwrap()
    }

    fn large(&self) -> usize {
        6 << 20
    }
}

mod google {
    sluis_store::backend_suite!(crate::Place::google());
}

mod amazon {
    sluis_store::backend_suite!(crate::Place::amazon());
}
