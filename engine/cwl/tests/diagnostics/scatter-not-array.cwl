cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}}
inputs: {reads: File}
outputs:
  sorted: {type: File, outputSource: sort/sorted}
steps:
  sort:
    run: tools/sort.cwl
    scatter: reads
    in: {reads: reads}
    out: [sorted]
