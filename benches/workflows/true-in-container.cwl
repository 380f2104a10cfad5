# A scatter of `true` in a container: what is measured is the engine and the Docker daemon.
cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}}
inputs: {words: 'string[]'}
outputs: []
steps:
  nothing:
    run:
      class: CommandLineTool
      requirements:
        DockerRequirement:
          dockerPull: sluis/genomics:1
          dockerImageId: sha256:156887c40e24a6100a6573241725ed3cf1ccda0fab32a2fba0092454b4e44979
        ResourceRequirement: {coresMin: 1, ramMin: 64}
      baseCommand: 'true'
      inputs: {word: {type: string, inputBinding: {}}}
      outputs: []
    scatter: word
    in: {word: words}
    out: []
