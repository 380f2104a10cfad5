cwlVersion: v1.2
class: Workflow
inputs: {reads: File}
outputs: {}
steps:
  sort:
    in: {reads: reads}
    out: [sorted]
  index:
    run: tools/sort.cwl
    inputs: {reads: reads}
    outputs: [sorted]
