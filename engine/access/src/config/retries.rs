//! The section `retries` of `site.yaml`: how often and how a failed task is tried again.

use std::{fmt, str::FromStr, time::Duration};

use bytesize::ByteSize;
use sluis_model::Mebibytes;
use sluis_yaml::{Content, Diagnostics, Fields, Node};

/// How often and how a failed task is tried again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RetryPolicy {
    /// How many more attempts a task gets after failures that may be its own: too little memory or time, or an exit code
    /// of its tool's `temporaryFailCodes`.
    pub budget: u32,
    /// How many more attempts it gets after faults of the machine, the executor or the store.
    pub infrastructure: u32,
    /// How many more attempts it gets after its machine was taken away.
    pub preemptions: u32,
    /// How many times the memory it gets after it had too little.
    pub memory_factor: Factor,
    /// The most memory that it gets by that; as much as the machine has if `None`.
    pub memory_ceiling: Option<Mebibytes>,
    /// How many times the time it gets after it had too little.
    pub time_factor: Factor,
    /// The longest time limit that it gets by that; no bound if `None`.
    pub time_ceiling: Option<Duration>,
    /// How long to wait before the first attempt after a failure that waiting may mend; each further wait is twice as long.
    pub backoff: Duration,
    /// The longest such wait.
    pub backoff_ceiling: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            budget: 2,
            infrastructure: 4,
            preemptions: 16,
            memory_factor: Factor(200),
            memory_ceiling: None,
            time_factor: Factor::ONE,
            time_ceiling: None,
            backoff: Duration::from_secs(1),
            backoff_ceiling: Duration::from_secs(60),
        }
    }
}

/// A number from 1 to 100 with which an amount is multiplied, in hundredths.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Factor(u32);

impl Factor {
    /// By which nothing changes.
    pub const ONE: Self = Self(100);

    /// The amount times the factor, rounded up.
    pub fn times(self, amount: u64) -> u64 {
        let product = (u128::from(amount) * u128::from(self.0)).div_ceil(100);
        u64::try_from(product).unwrap_or(u64::MAX)
    }
}

impl FromStr for Factor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<f64>() {
            Ok(number) if (1.0..=100.0).contains(&number) => Ok(Self((number * 100.0).round() as u32)),
            _ => Err(format!("`{text}` is not a number from 1 to 100")),
        }
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (f64::from(self.0) / 100.0).fmt(f)
    }
}

const KNOWN: &[&str] = &[
    "budget",
    "infrastructure",
    "preemptions",
    "memory-factor",
    "memory-ceiling",
    "time-factor",
    "time-ceiling-seconds",
    "backoff-seconds",
    "backoff-ceiling-seconds",
];

pub(super) fn read(node: &Node, problems: &mut Diagnostics) -> Option<RetryPolicy> {
    let fields = Fields::of(node, "`retries`", problems)?;
    fields.check_known(KNOWN, problems);
    let mut policy = RetryPolicy::default();
    let mut count = |key, into: &mut u32| {
        if let Some(count) = whole(fields, key, problems) {
            *into = count;
        }
    };
    count("budget", &mut policy.budget);
    count("infrastructure", &mut policy.infrastructure);
    count("preemptions", &mut policy.preemptions);
    policy.memory_factor = factor(fields, "memory-factor", problems).unwrap_or(policy.memory_factor);
    policy.time_factor = factor(fields, "time-factor", problems).unwrap_or(policy.time_factor);
    policy.memory_ceiling = memory(fields, "memory-ceiling", problems);
    let mut seconds = |key| whole(fields, key, problems).map(|seconds| Duration::from_secs(seconds.into()));
    policy.time_ceiling = seconds("time-ceiling-seconds");
    policy.backoff = seconds("backoff-seconds").unwrap_or(policy.backoff);
    policy.backoff_ceiling = seconds("backoff-ceiling-seconds").unwrap_or(policy.backoff_ceiling);
    Some(policy)
}

/// The section as text; nothing if everything in it is as it is anyway.
pub(super) fn to_yaml(policy: &RetryPolicy) -> String {
    if *policy == RetryPolicy::default() {
        return String::new();
    }
    let RetryPolicy { budget, infrastructure, preemptions, memory_factor, time_factor, .. } = policy;
    let memory = policy.memory_ceiling.map(|most| format!("  memory-ceiling: {most}\n")).unwrap_or_default();
    let time = policy.time_ceiling.map(|most| format!("  time-ceiling-seconds: {}\n", most.as_secs()));
    format!(
        "# How often and how a failed task is tried again; see docs/scheduling.md.\n\
         retries:\n  budget: {budget}\n  infrastructure: {infrastructure}\n  preemptions: {preemptions}\n  \
         memory-factor: {memory_factor}\n{memory}  time-factor: {time_factor}\n{}  backoff-seconds: {}\n  \
         backoff-ceiling-seconds: {}\n",
        time.unwrap_or_default(),
        policy.backoff.as_secs(),
        policy.backoff_ceiling.as_secs(),
    )
}

fn whole(fields: Fields<'_>, key: &str, problems: &mut Diagnostics) -> Option<u32> {
    let number = fields.integer(key, problems)?;
    let fits = u32::try_from(number);
    if let (Err(_), Some(node)) = (fits, fields.get(key)) {
        problems.error(&node.span, format!("`{key}`: {number} is not from 0 to {}", u32::MAX));
    }
    fits.ok()
}

fn factor(fields: Fields<'_>, key: &str, problems: &mut Diagnostics) -> Option<Factor> {
    let node = fields.get(key)?;
    let parsed = match &node.value {
        Content::Integer(number) => number.to_string().parse(),
        Content::Float(number) => number.to_string().parse(),
        _ => Err(format!("{} is not a number from 1 to 100", node.kind())),
    };
    parsed.map_err(|error: String| problems.error(&node.span, format!("`{key}`: {error}"))).ok()
}

fn memory(fields: Fields<'_>, key: &str, problems: &mut Diagnostics) -> Option<Mebibytes> {
    let text = fields.string(key, problems)?;
    let parsed = text.parse::<ByteSize>().ok().map(|ByteSize(bytes)| Mebibytes(bytes >> 20));
    if let (None | Some(Mebibytes(0)), Some(node)) = (parsed, fields.get(key)) {
        problems.error(&node.span, format!("`{key}`: `{text}` is not an amount of memory, such as `64 GiB`"));
        return None;
    }
    parsed
}
