cwlVersion: v1.2
class: CommandLineTool
baseCommand: cat
inputs:
  reads: {type: File, position: 1}
  other: {type: File, inputbinding: {position: 1}}
outputs:
  out: {type: stdout, glob: "*.txt"}
stdOut: out.txt
