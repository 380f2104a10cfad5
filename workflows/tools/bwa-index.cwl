cwlVersion: v1.2
class: CommandLineTool
label: Index of a reference for bwa
doc: |
  Makes the five index files that `bwa mem` needs, and gives them together with the reference.
$namespaces:
  edam: http://edamontology.org/

requirements:
  InlineJavascriptRequirement: {}
  InitialWorkDirRequirement:
    listing: [$(inputs.reference)]
  DockerRequirement:
    dockerPull: sluis/genomics:1
    dockerImageId: sha256:156887c40e24a6100a6573241725ed3cf1ccda0fab32a2fba0092454b4e44979
  ResourceRequirement:
    coresMin: 1
    coresMax: 1
    # Index building takes about three bytes a base.
    ramMin: $(1024 + Math.ceil(inputs.reference.size / 1048576) * 3)

baseCommand: [bwa, index]
arguments:
  - {valueFrom: $(inputs.reference.basename), position: 1}

inputs:
  reference:
    type: File
    format: edam:format_1929
    doc: The reference genome (FASTA, not compressed).

outputs:
  indexed:
    type: File
    format: edam:format_1929
    secondaryFiles: [.amb, .ann, .bwt, .pac, .sa]
    outputBinding: {glob: $(inputs.reference.basename)}
