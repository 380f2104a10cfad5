//! GPUs: which ones a task can use, and which ones it is given.

use std::{fmt, path::PathBuf, str::FromStr};

/// A version of CUDA, or a compute capability of a GPU: both are two numbers with a point between them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CudaVersion {
    /// The number before the point.
    pub major: u16,
    /// The number after it: 11.10 is later than 11.4.
    pub minor: u16,
}

/// The text is no version.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a version is two whole numbers with a point between them, such as 11.4")]
pub struct CudaVersionError;

impl FromStr for CudaVersion {
    type Err = CudaVersionError;

    fn from_str(text: &str) -> Result<Self, CudaVersionError> {
        let number = |digits: &str| {
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|_| is_number).ok_or(CudaVersionError)
        };
        let (major, minor) = text.split_once('.').ok_or(CudaVersionError)?;
        Ok(Self { major: number(major)?, minor: number(minor)? })
    }
}

impl fmt::Display for CudaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Which GPUs a task can use (`cwltool:CUDARequirement`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GpuKind {
    /// The least version of CUDA that their driver must support (`cudaVersionMin`).
    pub cuda: CudaVersion,
    /// What they must be able to do (`cudaComputeCapability`).
    pub capability: ComputeCapability,
}

/// The compute capabilities that will do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ComputeCapability {
    /// This one and all higher ones.
    AtLeast(CudaVersion),
    /// These and no others.
    OneOf(Vec<CudaVersion>),
}

impl ComputeCapability {
    /// Whether a GPU with this capability will do.
    pub fn takes(&self, capability: CudaVersion) -> bool {
        match self {
            Self::AtLeast(least) => capability >= *least,
            Self::OneOf(all) => all.contains(&capability),
        }
    }
}

impl fmt::Display for GpuKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CUDA {} or later, compute capability ", self.cuda)?;
        match &self.capability {
            ComputeCapability::AtLeast(least) => write!(f, "{least} or higher"),
            ComputeCapability::OneOf(all) => {
                let all: Vec<_> = all.iter().map(ToString::to_string).collect();
                f.write_str(&all.join(" or "))
            }
        }
    }
}

/// One GPU of a machine.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Gpu {
    /// Its identifier, which is the same after every start of the machine: `GPU-` and hexadecimal digits.
    pub uuid: String,
    /// Its device: `/dev/nvidia` and a number. The devices that all GPUs share are in the same folder.
    pub device: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        let version = |text: &str| text.parse::<CudaVersion>();
        assert!(version("11.10").unwrap() > version("11.4").unwrap());
        assert!(version("9.2").unwrap() < version("11.0").unwrap());
        for wrong in ["", "11", "11.", ".4", "11.4.1", "+1.2", "1.-2", "99999.0", "$(inputs.x)"] {
            assert_eq!(version(wrong), Err(CudaVersionError), "{wrong}");
        }
    }

    #[test]
    fn one_capability_is_the_least_and_a_list_is_exact() {
        let of = |text: &str| text.parse::<CudaVersion>().unwrap();
        let least = ComputeCapability::AtLeast(of("7.5"));
        assert!(least.takes(of("7.5")) && least.takes(of("8.0")) && !least.takes(of("7.0")));
        let listed = ComputeCapability::OneOf(vec![of("7.5"), of("8.6")]);
        assert!(listed.takes(of("8.6")) && !listed.takes(of("8.0")) && !listed.takes(of("9.0")));
        let kind = GpuKind { cuda: of("11.4"), capability: listed };
        assert_eq!(kind.to_string(), "CUDA 11.4 or later, compute capability 7.5 or 8.6");
    }
}
