cwlVersion: v12
class: CommandLineTool
baseCommand: echo
inputs: {}
outputs: {}
