cwlVersion: v1.2
class: CommandLineTool
requirements:
  SchemaDefRequirement:
    types:
      - {type: record, name: sample, fields: {parent: "sample?", name: string}}
baseCommand: echo
inputs:
  listed: {type: array, items: string}
  sample: "#sample"
  other: smaple
  threads: {type: int, default: many}
  mode: {type: {type: enum, symbols: [fast, slow]}, default: fats}
stdout: $(inputs.name
outputs: {out: stdin}
