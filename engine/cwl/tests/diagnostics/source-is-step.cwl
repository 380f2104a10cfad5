cwlVersion: v1.2
class: Workflow
inputs: {reads: File}
outputs:
  sorted: {type: File, outputSource: sort}
  again: {type: File, outputSource: sorted/sort}
  dotted: {type: File, outputSource: sort.sorted}
steps:
  sort:
    run: tools/sort.cwl
    in: {reads: inputs.reads}
    out: [sorted]
