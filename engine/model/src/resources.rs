//! What a task needs of the machine that runs it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Thousandths of a processor core.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MilliCores(pub u64);

/// Units of 2²⁰ bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mebibytes(pub u64);

impl Mebibytes {
    /// The same amount in bytes; the largest number if it does not fit.
    pub const fn bytes(self) -> u64 {
        self.0.saturating_mul(1 << 20)
    }
}

impl fmt::Display for Mebibytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MiB", self.0)
    }
}

/// What a task is given (CWL v1.2, CommandLineTool, ResourceRequirement and Runtime environment;
/// `cwltool:CUDARequirement`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Resources {
    /// Processor cores; `runtime.cores` is this, rounded up to a whole core.
    pub cores: MilliCores,
    /// Memory; `runtime.ram`.
    pub memory: Mebibytes,
    /// Room for temporary files; `runtime.tmpdirSize`.
    pub temporary: Mebibytes,
    /// Room for the working directory; `runtime.outdirSize`.
    pub work: Mebibytes,
    /// What is set aside in the scratch folder: for `temporary` and `work` what the tool asks for itself, for the defaults
    /// of the standard nothing; for its inputs their size, once they are known to be there. Absent in journals of early
    /// versions.
    #[serde(default)]
    pub scratch: Mebibytes,
    /// GPUs; `runtime.cudaDeviceCount`. Not written where there are none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub gpus: u32,
}

const fn is_none(gpus: &u32) -> bool {
    *gpus == 0
}

impl Default for Resources {
    /// The defaults of the standard: 1 core, 256 MiB of memory, 1 GiB for temporary files and 1 GiB for outputs.
    fn default() -> Self {
        Self {
            cores: MilliCores(1000),
            memory: Mebibytes(256),
            temporary: Mebibytes(1024),
            work: Mebibytes(1024),
            scratch: Mebibytes(0),
            gpus: 0,
        }
    }
}
