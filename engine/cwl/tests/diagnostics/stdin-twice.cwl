cwlVersion: v1.2
class: CommandLineTool
baseCommand: cat
stdin: $(inputs.other.path)
inputs:
  reads: stdin
  bound: {type: stdin, inputBinding: {position: 1}}
  other: File
outputs: {}
