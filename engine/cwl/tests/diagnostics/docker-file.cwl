cwlVersion: v1.2
class: CommandLineTool
requirements:
  DockerRequirement:
    dockerFile: |
      FROM debian
baseCommand: cat
inputs: {}
outputs: {}
