//! The plain types of sluis: values, tasks, addresses, regions, labels.
//!
//! Nothing here reads or writes anything; every other crate may use it.

mod address;
mod cloud_region;
mod gpus;
mod image;
mod labels;
mod names;
mod region;
mod resources;
mod task;
mod usage;
mod value;
mod value_json;

pub use address::{Address, AddressError, TaskKey};
pub use cloud_region::{Cloud, CloudRegion, CloudRegionError};
pub use gpus::{ComputeCapability, CudaVersion, CudaVersionError, Gpu, GpuKind};
pub use image::{ImageId, ImageIdError, ImageReference};
pub use labels::{DatasetName, Labels, NameError, ProjectName, SubjectError, SubjectName};
pub use names::{RunId, RunIdError, TaskId};
pub use region::{EuCountry, Region, RegionError};
pub use resources::{Mebibytes, MilliCores, Resources};
pub use task::{CommandLine, INPUTS_ROOT, StagedEntry, StagedSource, TEMPORARY_ROOT, Task, WORK_ROOT};
pub use usage::Usage;
pub use value::{Directory, Entry, File, ListingDepth, Location, Value, Values};
pub use value_json::ValueError;
