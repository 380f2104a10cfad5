cwlVersion: v1.2
class: CommandLineTool
baseCommand: cat
inputs:
  threads: {type: int, default: "4"}
  ratio: {type: double, default: half}
  reads: {type: File, default: reads.bam}
  names: {type: "string[]", default: a}
  flag: {type: boolean, default: "true"}
outputs: {}
