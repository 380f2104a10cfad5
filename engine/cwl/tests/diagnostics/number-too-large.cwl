cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
inputs:
  n: {type: int, default: 3000000000}
  m: {type: long, default: 99999999999999999999}
outputs: {}
