cwlVersion: v1.2
class: Workflow
inputs: {reads: File}
outputs:
  sorted: File
  other: {type: File, source: sort/sorted}
steps:
  sort:
    run: tools/sort.cwl
    in: {reads: reads}
    out: [sorted]
