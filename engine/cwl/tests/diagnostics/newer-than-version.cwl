cwlVersion: v1.0
class: Workflow
requirements:
  NetworkAccess: {networkAccess: true}
  ResourceRequirement: {coresMin: 0.5}
inputs:
  reads:
    type: File
    loadContents: true
    secondaryFiles: [{pattern: .bai, required: false}]
outputs: {}
steps:
  sort:
    run: tools/sort.cwl
    when: $(inputs.reads.size > 0)
    in: {reads: {source: reads, pickValue: first_non_null}}
    out: [sorted]
