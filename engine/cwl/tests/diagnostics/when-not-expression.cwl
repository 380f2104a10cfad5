cwlVersion: v1.2
class: Workflow
inputs: {reads: File, wanted: boolean}
outputs:
  sorted: {type: File, outputSource: sort/sorted}
steps:
  sort:
    run: tools/sort.cwl
    when: wanted
    in: {reads: reads}
    out: [sorted]
  again:
    run: tools/sort.cwl
    when: true
    in: {reads: reads}
    out: [sorted]
