use std::{fs, time::Duration};

use sluis_access::{AccessError, Factor, RetryPolicy, Site, SiteConfig};
use sluis_model::Mebibytes;

use crate::config;

fn read(section: &str) -> Result<RetryPolicy, String> {
    let folder = tempfile::tempdir().unwrap();
    drop(crate::site(folder.path()));
    let path = folder.path().join("site.yaml");
    fs::write(&path, format!("{}retries:{section}\n", fs::read_to_string(&path).unwrap())).unwrap();
    match Site::open(folder.path()) {
        Ok(site) => Ok(site.config().retries),
        Err(AccessError::Config(problems)) => Err(problems.to_string()),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_site_says_how_failed_tasks_are_tried_again() {
    assert_eq!(read("").unwrap(), RetryPolicy::default());
    let policy = read(
        "\n  budget: 0\n  infrastructure: 7\n  preemptions: 3\n  memory-factor: 1.5\n  memory-ceiling: 64 GiB\n  \
         time-factor: 2\n  time-ceiling-seconds: 3600\n  backoff-seconds: 5\n  backoff-ceiling-seconds: 50",
    );
    let expected = RetryPolicy {
        budget: 0,
        infrastructure: 7,
        preemptions: 3,
        memory_factor: "1.5".parse().unwrap(),
        memory_ceiling: Some(Mebibytes(64 * 1024)),
        time_factor: "2".parse().unwrap(),
        time_ceiling: Some(Duration::from_secs(3600)),
        backoff: Duration::from_secs(5),
        backoff_ceiling: Duration::from_secs(50),
    };
    assert_eq!(policy.unwrap(), expected);
    // What a site is made with is what it is opened with.
    let folder = tempfile::tempdir().unwrap();
    let site = Site::create(folder.path(), &SiteConfig { retries: expected, ..config() }).unwrap();
    drop(site);
    assert_eq!(Site::open(folder.path()).unwrap().config().retries, expected);
}

#[test]
fn what_makes_no_sense_is_named() {
    for (section, names) in [
        ("\n  budget: -1", "`budget`: -1"),
        ("\n  budget: many", "budget"),
        ("\n  memory-factor: 0.5", "`memory-factor`: `0.5` is not a number from 1 to 100"),
        ("\n  time-factor: 1000", "time-factor"),
        ("\n  memory-ceiling: lots", "`memory-ceiling`: `lots` is not an amount of memory"),
        ("\n  memory-ceiling: 5 kB", "memory-ceiling"),
        ("\n  bugdet: 1", "`retries` has no field `bugdet`"),
        (" 3", "`retries` must be a mapping"),
    ] {
        let problems = read(section).unwrap_err();
        assert!(problems.contains(names), "{section}: {problems}");
    }
}

#[test]
fn factors_round_up_and_do_not_overflow() {
    let half_more: Factor = "1.5".parse().unwrap();
    assert_eq!((half_more.times(1), half_more.times(0), Factor::ONE.times(u64::MAX)), (2, 0, u64::MAX));
    assert_eq!(half_more.times(u64::MAX), u64::MAX);
    assert_eq!(half_more.to_string(), "1.5");
}
