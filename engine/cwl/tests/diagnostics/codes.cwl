cwlVersion: v1.2
class: CommandLineTool
baseCommand: echo
successCodes: 0
temporaryFailCodes: [one]
requirements:
  ToolTimeLimit: {timeLimit: 60}
  WorkReuse: false
inputs: {}
outputs: {}
