cwlVersion: v1.2
class: Workflow
inputs: {reads: File}
outputs: {}
steps:
  sort:
    run: tools/srot.cwl
    in: {reads: reads}
    out: [sorted]
