cwlVersion: v1.2
class: Workflow
inputs: {reads: File}
outputs: {}
steps:
  sort:
    run: tools/sort.cwl
    in: {raeds: reads}
    out: [sroted]
