cwlVersion: v1.2
class: Workflow
inputs: {reads: File
outputs: {}
