# A scatter of trivial tasks without a container: what is measured is the engine.
cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}}
inputs: {words: 'string[]'}
outputs: {files: {type: 'File[]', outputSource: print/file}}
steps:
  print:
    run:
      class: CommandLineTool
      requirements: {ResourceRequirement: {coresMin: 1, ramMin: 16}}
      baseCommand: printf
      inputs: {word: {type: string, inputBinding: {}}}
      outputs: {file: stdout}
      stdout: out.txt
    scatter: word
    in: {word: words}
    out: [file]
