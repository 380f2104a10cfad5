# A step that runs only when its condition holds; where it was skipped, what stands beside it is taken instead.
#   sluis run workflows/examples/conditional.cwl
cwlVersion: v1.2
class: Workflow
label: Compress only what is large

requirements:
  InlineJavascriptRequirement: {}
  MultipleInputFeatureRequirement: {}
  StepInputExpressionRequirement: {}

inputs:
  text:
    type: string
    default: a short text
  limit:
    type: int
    default: 1000
    doc: From how many characters on the text is compressed.

steps:
  write:
    run:
      class: CommandLineTool
      baseCommand: [printf, "%s\n"]
      stdout: text.txt
      inputs:
        text:
          type: string
          inputBinding: {position: 1}
      outputs:
        written: stdout
    in: {text: text}
    out: [written]
  compress:
    when: $(inputs.length >= inputs.limit)
    run:
      class: CommandLineTool
      baseCommand: [gzip, -n, -c]
      stdout: text.txt.gz
      inputs:
        file:
          type: File
          inputBinding: {position: 1}
      outputs:
        compressed: stdout
    in:
      file: write/written
      limit: limit
      length:
        source: text
        valueFrom: $(self.length)
    out: [compressed]

outputs:
  result:
    type: File
    outputSource: [compress/compressed, write/written]
    pickValue: first_non_null
