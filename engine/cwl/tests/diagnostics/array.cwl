cwlVersion: v1.2
class: CommandLineTool
baseCommand: cat
inputs:
  reads: {type: {type: array}}
  other: {type: {type: array, item: File}}
  third: {type: {type: list, items: File}}
outputs: {}
