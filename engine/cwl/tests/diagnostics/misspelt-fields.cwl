cwlVersion: v1.2
class: CommandLineTool
baseComand: cat
arguments: [--]
inputs:
  reads:
    type: file
    inputBindings: {position: 1}
  name: strng
outputs:
  out:
    type: File
    outputBinding: {globs: out.txt}
