cwlVersion: v1.2
class: Workflow
requirements: {ScatterFeatureRequirement: {}, MultipleInputFeatureRequirement: {}}
inputs:
  name: string
  reads: File?
  many: File[]
outputs:
  sorted: {type: File, outputSource: each/sorted}
steps:
  named:
    run: tools/sort.cwl
    in: {reads: name}
    out: [sorted]
  maybe:
    run: tools/sort.cwl
    in: {reads: reads}
    out: [sorted]
  each:
    run: tools/sort.cwl
    scatter: reads
    in: {reads: many}
    out: [sorted]
  merged:
    run: tools/sort.cwl
    in:
      reads: [named/sorted, maybe/sorted]
    out: [sorted]
