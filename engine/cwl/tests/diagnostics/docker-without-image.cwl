cwlVersion: v1.2
class: CommandLineTool
requirements:
  DockerRequirement: {dockerImage: "samtools:1.19"}
baseCommand: cat
inputs: {}
outputs: {}
