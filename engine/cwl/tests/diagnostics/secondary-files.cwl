cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
inputs:
  bam: {type: File, secondaryFiles: [{suffix: .bai}, 7, {pattern: .csi, required: maybe}]}
  name: {type: string, secondaryFiles: .bai, format: edam:format_2572}
outputs: {}
