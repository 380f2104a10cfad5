cwlVersion: v1.2.0-dev3
class: Workflow
requirements:
  SubworkflowFeatureRequirement: {}
  InlineJavascriptRequirement: {}
  MultipleInputFeatureRequirement: {}
inputs:
  - {id: sample, type: string}
  - {id: run_qc, type: boolean, default: true}
  - {id: reference, type: File, default: {class: File, location: "https://example.org/GRCh38.fa"}}
  - {id: bucket, type: File?, default: {class: File, location: "gs://bucket/known.vcf.gz"}}
outputs:
  - id: report
    type: File?
    outputSource: [quick/report, slow/report]
    pickValue: first_non_null
  - {id: unused, type: File?}
steps:
  - id: quick
    in: {sample: sample, wanted: run_qc}
    when: $(inputs.wanted)
    run: &tool
      class: CommandLineTool
      inputs: {sample: {type: string, inputBinding: {}}}
      outputs: {report: stdout}
      baseCommand: echo
    out: [report]
  - id: slow
    label: not implemented yet
    in: [{id: sample, source: sample}, {id: wanted, source: run_qc}]
    when: $(!inputs.wanted)
    run: *tool
    out: [{id: report}]
