//! A site of an institute: people who log in with a real OpenID provider, and what each of them may do.

mod aggregates;
mod cached;
mod delegations;
mod explanations;
mod guide;
#[path = "../../../access/tests/matrix/issuer.rs"]
#[allow(dead_code, reason = "visas need a part of it")]
mod issuer;
mod listings;
mod logins;
#[path = "../../../identity/tests/identity/provider_process.rs"]
mod provider_process;
mod records;
mod report;
mod results;
mod resuming;
mod running;
mod visas;
mod withdrawals;
mod world;

use world::Institute;
