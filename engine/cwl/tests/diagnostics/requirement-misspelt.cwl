cwlVersion: v1.2
class: CommandLineTool
requirements:
  - class: InlineJavaScriptRequirement
  - {dockerPull: "samtools:1.19"}
  - class: ResourceRequirement
    cores: 4
    ramMin: 8 GB
baseCommand: cat
inputs: {}
outputs: {}
