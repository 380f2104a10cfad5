cwlVersion: v1.2
class: CommandLineTool
requirements:
  InitialWorkDirRequirement:
    listing:
      - {entryname: config.yml, content: "a: 1"}
      - {entry: "a: 1", entryName: config.yml}
      - 7
  EnvVarRequirement:
    envDef:
      LANG: 7
      HOME: [a]
baseCommand: cat
inputs: {}
outputs: {}
