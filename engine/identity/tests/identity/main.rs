//! Tokens, visas, delegations and logins: what is accepted, and what is refused for which reason.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod delegations;
mod fetching;
mod keys;
mod login_browser;
mod login_device;
mod parsers;
mod passports;
mod provider;
mod provider_process;
mod provider_tokens;
mod replays;
mod server;
mod site;
mod token_files;
mod tokens;
mod tokens_time;
mod visas;

/// Asserts that something is refused for one reason and no other, and that the reason comes with a remedy.
#[macro_export]
macro_rules! refused {
    ($outcome:expr, $reason:pat) => {{
        match $outcome {
            Err(error) => {
                assert!(matches!(error, $reason), "{error:?}");
                assert!(!error.remedy().is_empty());
            }
            Ok(accepted) => panic!("accepted: {accepted:?}"),
        }
    }};
}
