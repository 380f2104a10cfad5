# One task, then many that read what it made, then one that reads what they made.
cwlVersion: v1.2
class: Workflow
requirements:
  ScatterFeatureRequirement: {}
inputs:
  words: string[]
outputs:
  joined: {type: File, outputSource: join/joined}
steps:
  begin:
    run:
      class: CommandLineTool
      baseCommand: [printf, begin]
      stdout: begin.txt
      inputs: {}
      outputs:
        begun: stdout
    in: {}
    out: [begun]
  each:
    run:
      class: CommandLineTool
      baseCommand: [grep, -c, begin]
      stdout: $(inputs.word).txt
      inputs:
        word: string
        begun: {type: File, inputBinding: {}}
      outputs:
        counted: stdout
    scatter: word
    in: {word: words, begun: begin/begun}
    out: [counted]
  join:
    run:
      class: CommandLineTool
      baseCommand: [sort]
      stdin: $(inputs.counted[0].path)
      stdout: joined.txt
      inputs:
        counted: File[]
      outputs:
        joined: stdout
    in: {counted: each/counted}
    out: [joined]
