cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}}
inputs: {reads: "File[]", threads: "int[]"}
outputs: {}
steps:
  sort:
    run: tools/sort.cwl
    scatter: [raeds, threads]
    in: {reads: reads, threads: threads}
    out: [sorted]
  other:
    run: tools/sort.cwl
    scatter: [reads, threads]
    scatterMethod: dot_product
    in: {reads: reads, threads: threads}
    out: [sorted]
