cwlVersion: v1.2
class: CommandLineTool
baseCommand: cat
inputs:
  - {id: reads, type: File}
  - {id: reads, type: "File[]"}
outputs: []
