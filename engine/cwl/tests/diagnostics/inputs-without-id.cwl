cwlVersion: v1.2
class: CommandLineTool
baseCommand: cat
inputs:
  - {type: File, inputBinding: {position: first}}
  - {id: more, type: "File[]", inputBinding: {prefix: 7, separate: maybe}}
outputs: []
