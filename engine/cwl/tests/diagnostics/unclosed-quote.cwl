cwlVersion: v1.2
class: CommandLineTool
baseCommand: "samtools
inputs: {}
outputs: {}
