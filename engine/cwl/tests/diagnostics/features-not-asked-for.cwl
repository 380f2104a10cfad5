cwlVersion: v1.2
class: Workflow
inputs: {reads: "File[]", more: "File[]"}
outputs:
  sorted: {type: "File[]", outputSource: sort/sorted}
steps:
  sort:
    run: tools/sort.cwl
    scatter: reads
    in:
      reads: {source: [reads, more], linkMerge: flattened}
      extra: {valueFrom: $(inputs.reads.size)}
    out: [sorted]
