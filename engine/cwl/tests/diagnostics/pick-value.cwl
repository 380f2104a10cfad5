cwlVersion: v1.2
class: Workflow
inputs: {a: File?, b: File?}
outputs:
  first: {type: File, outputSource: [a, b], pickValue: first_not_null}
  all: {type: File, outputSource: [a, b], pickValue: all_non_null}
steps: {}
requirements: {MultipleInputFeatureRequirement: {}}
