cwlVersion: v1.2
class: Workflow
$namespaces:
  cwltool: http://commonwl.org/cwltool#
inputs: []
outputs: []
steps:
  empty:
    in: []
    out: []
    run:
      class: CommandLineTool
      baseCommand: nvidia-smi
      requirements:
        cwltool:CUDARequirement: {}
      inputs: []
      outputs: []
  versions:
    in: []
    out: []
    run:
      class: CommandLineTool
      baseCommand: nvidia-smi
      requirements:
        cwltool:CUDARequirement:
          cudaVersionMin: 11.10
          cudaComputeCapability: sm_75
          cudaDeviceCountMin: 1.5
          cudaDeviceCountMax: many
          cudaDeviceCount: 1
      inputs: []
      outputs: []
  listed:
    in: {n: {default: 1}}
    out: []
    run:
      class: CommandLineTool
      baseCommand: nvidia-smi
      requirements:
        cwltool:CUDARequirement:
          cudaVersionMin: "$(inputs.version)"
          cudaComputeCapability: ["7.5", 8.6]
          cudaDeviceCountMin: $(inputs.count)
      inputs: {n: int}
      outputs: []
  none:
    in: []
    out: []
    run:
      class: CommandLineTool
      baseCommand: nvidia-smi
      requirements:
        cwltool:CUDARequirement: {cudaVersionMin: "11.4", cudaComputeCapability: []}
      inputs: []
      outputs: []
  hinted:
    in: []
    out: []
    run:
      class: CommandLineTool
      baseCommand: nvidia-smi
      hints:
        cwltool:CUDARequirement: {cudaVersionMin: "11", cudaComputeCapability: "7.5"}
      inputs: []
      outputs: []
  bare:
    in: []
    out: []
    run:
      class: CommandLineTool
      baseCommand: nvidia-smi
      requirements:
        CUDARequirement: {cudaVersionMin: "11.4", cudaComputeCapability: "7.5"}
      inputs: []
      outputs: []
