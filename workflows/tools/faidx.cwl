cwlVersion: v1.2
class: CommandLineTool
label: Index of a reference for random access
doc: |
  Lists where each contig begins (samtools faidx), and gives that together with the reference.
$namespaces:
  edam: http://edamontology.org/

requirements:
  InitialWorkDirRequirement:
    listing: [$(inputs.reference)]
  DockerRequirement:
    dockerPull: sluis/genomics:1
    dockerImageId: sha256:156887c40e24a6100a6573241725ed3cf1ccda0fab32a2fba0092454b4e44979
  ResourceRequirement:
    coresMin: 1
    coresMax: 1
    ramMin: 512

baseCommand: [samtools, faidx]
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
    secondaryFiles: [.fai]
    outputBinding: {glob: $(inputs.reference.basename)}
