cwlVersion: v1.2
class: Workflow
inputs: []
outputs: []
steps:
- {id: sort, run: tools/sort.cwl, in: [], out: []}
- {id: sort, run: tools/sort.cwl, in: [], out: []}
