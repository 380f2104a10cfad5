cwlVersion: v1.2
class: CommandLineTool
baseCommand: cat
requirements:
  SchemaDefRequirement:
    types: {sex: {type: enum, symbols: [female, male]}}
inputs:
  reads:
  sex: []
  name: {type: }
outputs: []
