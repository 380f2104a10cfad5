cwlVersion: v1.2
class: CommandLineTool
baseCommand: cat
inputs:
  $import: imports-itself.cwl
outputs: {}
