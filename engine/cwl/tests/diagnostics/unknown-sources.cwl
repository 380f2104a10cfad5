cwlVersion: v1.2
class: Workflow
inputs:
  reads: File
outputs:
  sorted: {type: File, outputSource: sort}
  counted: {type: File, outputSource: count/out}
steps:
  sort:
    run: tools/sort.cwl
    in: {reads: raeds}
    out: [sorted, indexed]
  again:
    run: tools/sort.cwl
    in: {reads: sort/sroted}
    out: [sorted]
