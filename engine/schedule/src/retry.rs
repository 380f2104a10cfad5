//! Whether a failed attempt is followed by another, with what, and when.

use std::time::Duration;

use sluis_access::{Factor, RetryPolicy};
use sluis_model::Mebibytes;

/// Why an attempt failed, as far as trying again goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// The tool, its inputs, its permission or the site's settings: another attempt would fail the same way.
    Lasting,
    /// The command ended with one of its tool's `temporaryFailCodes`.
    Temporary,
    /// The command needed more memory than it was given.
    OutOfMemory,
    /// The command ran longer than its time limit.
    TimeLimit,
    /// The machine, the executor or the store failed.
    Infrastructure,
    /// The machine was taken away before the command ended.
    Preempted,
}

/// What an attempt is given of what another attempt may be given more of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Given {
    /// Memory.
    pub memory: Mebibytes,
    /// The most memory that the machine can give it.
    pub most_memory: Mebibytes,
    /// The time limit, if there is one.
    pub time_limit: Option<Duration>,
}

/// What an attempt is given instead of what its tool asks for; `None` for what the tool asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Raised {
    /// Memory.
    pub memory: Option<Mebibytes>,
    /// The time limit.
    pub time_limit: Option<Duration>,
}

/// The failed attempts at one task, by who bears them, and what the next one is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tries {
    /// Those that count against the budget.
    pub charged: u32,
    /// Those that the machine, the executor or the store failed.
    pub infrastructure: u32,
    /// Those that lost their machine.
    pub preempted: u32,
    /// What the next attempt is given.
    pub raised: Raised,
}

impl Tries {
    /// Counts a failed attempt. `Some` is how long to wait before the next one; without one the task has failed.
    ///
    /// `given` is what the attempt had, and `jitter` is drawn from all numbers alike: tasks that fail together do not all
    /// come back together.
    pub fn after_failure(&mut self, cause: Cause, given: Given, policy: &RetryPolicy, jitter: u32) -> Option<Duration> {
        let count = |tries: &mut u32, most: u32| {
            *tries += 1;
            (*tries <= most).then_some(*tries)
        };
        match cause {
            Cause::Lasting => None,
            Cause::Temporary => count(&mut self.charged, policy.budget).map(|nth| backoff(nth, policy, jitter)),
            Cause::Infrastructure => {
                count(&mut self.infrastructure, policy.infrastructure).map(|nth| backoff(nth, policy, jitter))
            }
            Cause::Preempted => count(&mut self.preempted, policy.preemptions).map(|nth| backoff(nth, policy, jitter)),
            Cause::OutOfMemory => {
                let ceiling = policy.memory_ceiling.map_or(given.most_memory, |most| most.min(given.most_memory));
                let memory = raised(given.memory.0, policy.memory_factor, ceiling.0)?;
                count(&mut self.charged, policy.budget)?;
                self.raised.memory = Some(Mebibytes(memory));
                Some(Duration::ZERO)
            }
            Cause::TimeLimit => {
                let ceiling = policy.time_ceiling.map_or(u64::MAX, milliseconds);
                let limit = raised(milliseconds(given.time_limit?), policy.time_factor, ceiling)?;
                count(&mut self.charged, policy.budget)?;
                self.raised.time_limit = Some(Duration::from_millis(limit));
                Some(Duration::ZERO)
            }
        }
    }
}

/// More than `amount`, by the factor up to the ceiling; `None` if that is not more.
fn raised(amount: u64, factor: Factor, ceiling: u64) -> Option<u64> {
    Some(factor.times(amount).min(ceiling)).filter(|&more| more > amount)
}

/// Between a half and the whole of a wait that doubles each time, up to the ceiling.
fn backoff(nth: u32, policy: &RetryPolicy, jitter: u32) -> Duration {
    let doubled = policy.backoff.saturating_mul(1_u32.checked_shl(nth.saturating_sub(1)).unwrap_or(u32::MAX));
    let half = milliseconds(doubled.min(policy.backoff_ceiling)) / 2;
    let part = u64::try_from((u128::from(half) * u128::from(jitter)) >> 32).unwrap_or(half);
    Duration::from_millis(half + part)
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Raised {
    /// Replaces what a tool asks for.
    ///
    /// It is more than that, unless the tool asks for more than it did at an earlier attempt.
    pub fn replace(self, memory: &mut Mebibytes, time_limit: &mut Option<Duration>) {
        if let Some(raised) = self.memory {
            *memory = raised.max(*memory);
        }
        if let (Some(limit), Some(raised)) = (time_limit, self.time_limit) {
            *limit = raised.max(*limit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: fn() -> RetryPolicy = RetryPolicy::default;

    fn given(memory: u64, seconds: u64) -> Given {
        Given {
            memory: Mebibytes(memory),
            most_memory: Mebibytes(1000),
            time_limit: Some(Duration::from_secs(seconds)),
        }
    }

    fn after(tries: &mut Tries, cause: Cause, policy: &RetryPolicy) -> Option<Duration> {
        tries.after_failure(cause, given(100, 10), policy, u32::MAX / 2)
    }

    #[test]
    fn a_lasting_failure_is_never_tried_again_and_charges_nothing() {
        let mut tries = Tries::default();
        assert_eq!(after(&mut tries, Cause::Lasting, &POLICY()), None);
        assert_eq!(tries, Tries::default());
    }

    #[test]
    fn faults_of_the_machine_are_at_no_charge_to_the_budget_and_have_ends_of_their_own() {
        let policy = RetryPolicy { budget: 1, infrastructure: 2, preemptions: 3, ..POLICY() };
        let mut tries = Tries::default();
        let mut often = |cause| std::iter::from_fn(|| after(&mut tries, cause, &policy)).take(99).count();
        assert_eq!(often(Cause::Infrastructure), 2);
        assert_eq!(often(Cause::Preempted), 3);
        assert_eq!(often(Cause::Temporary), 1);
        assert_eq!(often(Cause::OutOfMemory), 0, "the budget is one for all that is charged to it");
    }

    #[test]
    fn memory_grows_by_the_factor_up_to_what_the_site_and_the_machine_have() {
        let policy = RetryPolicy { budget: 9, memory_factor: "1.5".parse().unwrap(), ..POLICY() };
        let grow = |memory, policy: &RetryPolicy| {
            let mut tries = Tries::default();
            let wait = tries.after_failure(Cause::OutOfMemory, given(memory, 1), policy, 0)?;
            assert_eq!(wait, Duration::ZERO);
            tries.raised.memory
        };
        assert_eq!(grow(101, &policy), Some(Mebibytes(152)), "rounded up");
        assert_eq!(grow(900, &policy), Some(Mebibytes(1000)), "no more than the machine has");
        assert_eq!(grow(1000, &policy), None, "as much again would fail again");
        let policy = RetryPolicy { memory_ceiling: Some(Mebibytes(500)), ..policy };
        assert_eq!((grow(400, &policy), grow(500, &policy), grow(600, &policy)), (Some(Mebibytes(500)), None, None));
        assert_eq!(grow(100, &RetryPolicy { memory_factor: Factor::ONE, ..policy }), None);
    }

    #[test]
    fn a_time_limit_is_stretched_only_where_the_site_says_so() {
        let mut tries = Tries::default();
        assert_eq!(after(&mut tries, Cause::TimeLimit, &POLICY()), None);
        let policy =
            RetryPolicy { time_factor: "4".parse().unwrap(), time_ceiling: Some(Duration::from_secs(30)), ..POLICY() };
        assert_eq!(after(&mut tries, Cause::TimeLimit, &policy), Some(Duration::ZERO));
        assert_eq!(tries.raised.time_limit, Some(Duration::from_secs(30)));
        let (mut memory, mut limit) = (Mebibytes(7), Some(Duration::from_secs(10)));
        tries.raised.replace(&mut memory, &mut limit);
        assert_eq!((memory, limit), (Mebibytes(7), Some(Duration::from_secs(30))));
    }

    #[test]
    fn waits_double_up_to_the_ceiling_and_are_not_all_alike() {
        let policy = RetryPolicy { infrastructure: 9, ..POLICY() };
        let waits = |jitter| {
            let mut tries = Tries::default();
            let next = || tries.after_failure(Cause::Infrastructure, given(1, 1), &policy, jitter);
            std::iter::from_fn(next).map(|wait| wait.as_millis()).collect::<Vec<_>>()
        };
        assert_eq!(waits(0), [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!(waits(1 << 31), [750, 1500, 3000, 6000, 12_000, 24_000, 45_000, 45_000, 45_000]);
        assert!(waits(u32::MAX).iter().zip([1000, 2000, 4000, 8000]).all(|(&wait, most)| wait < most));
    }
}
