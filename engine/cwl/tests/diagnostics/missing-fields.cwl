class: Workflow
inputs:
  reads: {doc: The reads.}
steps:
  sort:
    in: {reads: reads}
    out: [sorted]
