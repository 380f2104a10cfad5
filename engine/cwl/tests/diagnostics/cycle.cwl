cwlVersion: v1.2
class: Workflow
inputs: {}
outputs: {}
steps:
  first:
    run: tools/sort.cwl
    in: {reads: second/sorted}
    out: [sorted]
  second:
    run: tools/sort.cwl
    in: {reads: first/sorted}
    out: [sorted]
  alone:
    run: tools/sort.cwl
    in: {reads: alone/sorted}
    out: [sorted]
