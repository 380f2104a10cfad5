cwlVersion: v1.2
class: Workflow
inputs:
  reads: {type: File, inputBinding: {position: 1}}
outputs:
  sorted: {type: File, outputBinding: {glob: "*.bam"}, outputSource: sort/sorted}
steps:
  - id: sort
    run: tools/sort.cwl
    in: [{id: reads, source: reads}]
    out: [{id: sorted, type: File}]
  - run: tools/sort.cwl
    in: []
    out: []
