cwlVersion: v1.2
$graph:
  - id: workflow
    class: Workflow
    inputs: {}
    outputs: {}
    steps:
      one: {run: "#tol", in: {}, out: []}
  - id: tool
    class: CommandLneTool
    inputs: {}
    outputs: {}
