cwlVersion: v1.2
class: CommandLineTool
baseCommand: cat
inputs:
  sample:
    type:
      type: record
      fields:
        - {name: reads, type: File}
        - {name: reads, type: File}
        - {type: string}
        - {name: age, typ: int}
  missing: {type: {type: record}}
outputs: {}
