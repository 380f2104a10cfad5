//! `sluis init`

use std::path::Path;

use sluis_access::{Rule, Site};
use sluis_bucket::BucketConfig;

use crate::{arguments::Init, exit::Exit, failure::Failure, site};

/// Makes a personal site; refuses to touch one that exists.
pub fn carry_out(folder: &Path, init: &Init) -> Result<Exit, Failure> {
    if Site::exists(folder) {
        return Err(Failure::new(Exit::Usage, format!("there is a site at {} already", folder.display())));
    }
    let swap = if init.allow_unencrypted_swap { Rule::Allow } else { Rule::Refuse };
    let bucket = match (&init.store, init.region) {
        (Some(store), Some(region)) => {
            let config = BucketConfig::new(store.clone(), region, init.endpoint.clone());
            Some(config.map_err(|error| Failure::of(Exit::Usage, &error))?)
        }
        // The command line takes both or none.
        _ => None,
    };
    site::make(folder, &init.name, init.country, swap, bucket)?;
    Ok(Exit::Success)
}
