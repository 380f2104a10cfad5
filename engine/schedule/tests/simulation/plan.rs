//! What the workflows of a world are: everything about a job follows from the seed and its path, so that an engine that
//! goes on with a run finds the same again.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use fastrand::Rng;
use sluis_model::{Mebibytes, MilliCores, Resources};
use sluis_schedule::{GpuSet, Room};

/// Where a job is within all runs: the run, then a step and a place in its scatter for each level.
pub type Path = Vec<u32>;

/// What a job turns out to be.
#[derive(Clone, Debug)]
pub enum Node {
    Workflow(Flow),
    /// An expression, or a step whose condition is false.
    Expression {
        fails: bool,
    },
    Tool(Tool),
}

/// A workflow: how many steps, and which waits for which.
#[derive(Clone, Debug)]
pub struct Flow {
    pub steps: usize,
    pub edges: Vec<(usize, usize)>,
}

/// A command and how it behaves.
#[derive(Clone, Debug)]
pub struct Tool {
    /// Its key in the task cache; several jobs may have the same.
    pub key: u64,
    pub asks: Resources,
    /// Which GPUs will do.
    pub gpus: GpuSet,
    pub time_limit: Option<Duration>,
    /// The memory with which it succeeds.
    pub memory: Mebibytes,
    /// How long it runs.
    pub time: Duration,
    /// How many attempts end with a temporary failure before one does not.
    pub temporary_failures: u32,
    pub fails: bool,
}

/// The plans of one world.
#[derive(Debug)]
pub struct Plans {
    pub seed: u64,
    pub machine: Room,
    /// How often tools fail for good, in hundredths.
    pub failing: u32,
    /// Whether runs share some of their tasks.
    pub shared: bool,
}

fn random(seed: u64, of: &impl Hash) -> Rng {
    let mut hasher = DefaultHasher::new();
    (seed, of).hash(&mut hasher);
    Rng::with_seed(hasher.finish())
}

impl Plans {
    pub fn node(&self, path: &Path) -> Node {
        let mut random = random(self.seed, &("node", path));
        // A path is the run and two numbers a level.
        let depth = path.len() / 2;
        if depth == 0 || (depth < 3 && random.u32(..100) < 20) {
            return Node::Workflow(flow(&mut random, if depth == 0 { 7 } else { 4 }));
        }
        if random.u32(..100) < 15 {
            return Node::Expression { fails: random.u32(..100) < self.failing };
        }
        let key = if self.shared && random.u32(..4) == 0 { random.u64(..8) } else { random.u64(8..) };
        Node::Tool(self.tool(key))
    }

    /// How many jobs a step has; `None` if its inputs cannot be gathered.
    pub fn jobs(&self, step: &Path) -> Option<u32> {
        let mut random = random(self.seed, &("jobs", step));
        if random.u32(..200) < self.failing {
            return None;
        }
        Some(match random.u32(..10) {
            0 => 0,
            1..=5 => 1,
            6..=8 => random.u32(2..6),
            _ => random.u32(6..14),
        })
    }

    fn tool(&self, key: u64) -> Tool {
        let mut random = random(self.seed, &("tool", key));
        let cores = [250, 1000, 1000, 2000, self.machine.cores.0][random.usize(..5)];
        let memory = [0, 256, 256, 1024, self.machine.memory.0][random.usize(..5)];
        let scratch = [0, 0, 0, 512, self.machine.scratch.0][random.usize(..5)].min(self.machine.memory.0);
        let cores = cores.min(self.machine.cores.0) + u64::from(random.u32(..400) < self.failing);
        let asks = Resources {
            cores: MilliCores(cores),
            memory: Mebibytes(memory.min(self.machine.memory.0.saturating_sub(scratch))),
            scratch: Mebibytes(scratch.min(self.machine.scratch.0)),
            gpus: [0, 0, 1, 1, 2, self.machine.gpus][random.usize(..6)],
            ..Resources::default()
        };
        let time = Duration::from_millis(random.u64(1..20_000));
        let short = random.u32(..10) == 0;
        let hungry = random.u32(..8) == 0;
        Tool {
            key,
            asks,
            gpus: some_gpus(&mut random, self.machine.gpus),
            time_limit: short.then(|| time.mul_f64(0.2 + random.f64())),
            memory: Mebibytes(if hungry { asks.memory.0 * random.u64(2..9) } else { asks.memory.0 }),
            time,
            temporary_failures: if random.u32(..8) == 0 { random.u32(1..4) } else { 0 },
            fails: random.u32(..100) < self.failing,
        }
    }
}

/// All of a machine's GPUs or some, as those of one kind are.
fn some_gpus(random: &mut Rng, of: u32) -> GpuSet {
    match random.u32(..3) {
        0 => (0..of as usize).filter(|_| random.u32(..3) > 0).collect(),
        _ => GpuSet::ALL,
    }
}

fn flow(random: &mut Rng, most: usize) -> Flow {
    let steps = random.usize(..=most);
    let mut edges = Vec::new();
    for to in 1..steps {
        for from in 0..to {
            if random.u32(..3) == 0 {
                edges.push((from, to));
            }
        }
    }
    Flow { steps, edges }
}
