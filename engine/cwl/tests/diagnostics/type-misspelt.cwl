cwlVersion: v1.2
class: CommandLineTool
baseCommand: cat
inputs:
  reads: file
  index: Flie?
  names: String[]
  count: integer
  ratio: number
  flag: bool
  folder: Dir
outputs: {}
