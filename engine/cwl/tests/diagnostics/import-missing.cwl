cwlVersion: v1.2
class: CommandLineTool
requirements:
  SchemaDefRequirement:
    types:
      - $import: tools/smaple.yml
  InlineJavascriptRequirement:
    expressionLib:
      - $include: tools/lib.js
baseCommand: echo
inputs: {}
outputs: {}
