//! GPUs: the extension `cwltool:CUDARequirement`, as cwltool's schema has it.

use sluis_model::{ComputeCapability, CudaVersion, GpuKind};
use sluis_yaml::{Content, Diagnostic, Diagnostics, Fields, Node};

use super::{requirements::amount, version::Version};
use crate::CudaRequirement;

/// The requirement or hint; `None` if it does not say which GPUs will do.
pub(super) fn cuda(
    fields: Fields<'_>,
    required: bool,
    version: Option<Version>,
    problems: &mut Diagnostics,
) -> Option<CudaRequirement> {
    let mut count = |name| {
        if let Some(node) = fields.get(name).filter(|node| matches!(node.value, Content::Float(_))) {
            problems.error(&node.span, format!("`{name}` must be a whole number or an expression, but is a fraction"));
            return None;
        }
        amount(fields, name, version, problems)
    };
    let (count_min, count_max) = (count("cudaDeviceCountMin"), count("cudaDeviceCountMax"));
    let cuda = fields.require("cudaVersionMin", problems);
    let cuda = cuda.and_then(|node| cuda_version(node, "cudaVersionMin", problems));
    let capability = fields.require("cudaComputeCapability", problems);
    let capability = capability.and_then(|node| capabilities(node, problems));
    Some(CudaRequirement { kind: GpuKind { cuda: cuda?, capability: capability? }, count_min, count_max, required })
}

fn capabilities(node: &Node, problems: &mut Diagnostics) -> Option<ComputeCapability> {
    let name = "cudaComputeCapability";
    let Content::Sequence(items) = &node.value else {
        return cuda_version(node, name, problems).map(ComputeCapability::AtLeast);
    };
    if items.is_empty() {
        let problem = Diagnostic::error(&node.span, format!("`{name}` is an empty list, which no GPU meets"));
        problems.push(problem.help("list the capabilities that will do, or give the least one as a text"));
        return None;
    }
    let versions: Vec<_> = items.iter().map(|item| cuda_version(item, name, problems)).collect();
    versions.into_iter().collect::<Option<_>>().map(ComputeCapability::OneOf)
}

fn cuda_version(node: &Node, name: &str, problems: &mut Diagnostics) -> Option<CudaVersion> {
    let Some(text) = node.as_str() else {
        let problem = Diagnostic::error(
            &node.span,
            format!("`{name}` must be a text with a version, such as \"11.4\", but is {}", node.kind()),
        );
        problems.push(problem.help("write the version in quotes: as a number, 11.10 would be 11.1"));
        return None;
    };
    let version = text.parse();
    if version.is_err() {
        problems.error(&node.span, format!("`{name}` must be a version, such as \"11.4\", but is `{text}`"));
    }
    version.ok()
}
