cwlVersion: v1.2
class: Workflow
requirements: {SubworkflowFeatureRequirement: {}}
inputs: {}
outputs: {}
steps:
  inner:
    run: runs-itself.cwl
    in: {}
    out: []
