cwlVersion: v1.2
class: CommandLineTool
inputs: {reads: File}
outputs: {}
