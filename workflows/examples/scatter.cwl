# One task for each name, side by side, and then one that joins what they wrote in the order of the names.
#   sluis run workflows/examples/scatter.cwl
cwlVersion: v1.2
class: Workflow
label: Many greetings

requirements:
  ScatterFeatureRequirement: {}

inputs:
  names:
    type: string[]
    default: [Mira, Jonas, Sofie]

steps:
  greet:
    run: hello.cwl
    scatter: name
    in: {name: names}
    out: [greeting]
  join:
    run:
      class: CommandLineTool
      baseCommand: cat
      stdout: greetings.txt
      inputs:
        parts:
          type: File[]
          inputBinding: {position: 1}
      outputs:
        joined: stdout
    in: {parts: greet/greeting}
    out: [joined]

outputs:
  greetings:
    type: File
    outputSource: join/joined
