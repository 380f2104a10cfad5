cwlVersion: v1.2
class: CommandLineTool
baseCommand: sort
inputs:
  reads: File
  threads: {type: int, default: 1}
outputs:
  sorted: stdout
