cwlVersion: v1.2
class: Workflow
baseCommand: echo
inputs: {reads: File}
outputs: {}
step:
  sort:
    run: tools/sort.cwl
    in: {reads: reads}
    out: [sorted]
