cwlVersion: v1.2
class: CommandLineTool
baseCommand: mpirun
requirements:
  "cwltool:MPIRequirement": {processes: 4}
hints:
  SoftwareRequirement: {packages: {mpi: {}}}
  "acme:Hint": {}
inputs: {}
outputs: {}
