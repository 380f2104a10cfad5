cwlVersion: v1.2
class: CommandLineTool
baseCommand: {program: samtools}
arguments: view
inputs: []
outputs: []
