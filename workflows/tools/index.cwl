cwlVersion: v1.2
class: CommandLineTool
label: Index of alignments
doc: |
  Indexes alignments sorted by position (samtools index), and gives the index together with them.
$namespaces:
  edam: http://edamontology.org/

requirements:
  InitialWorkDirRequirement:
    listing: [$(inputs.alignments)]
  DockerRequirement:
    dockerPull: sluis/genomics:1
    dockerImageId: sha256:156887c40e24a6100a6573241725ed3cf1ccda0fab32a2fba0092454b4e44979
  ResourceRequirement:
    coresMin: 1
    coresMax: 1
    ramMin: 512

baseCommand: [samtools, index]
arguments:
  - {valueFrom: $(inputs.alignments.basename), position: 1}

inputs:
  alignments:
    type: File
    format: edam:format_2572
    doc: Alignments sorted by position (BAM).

outputs:
  indexed:
    type: File
    format: edam:format_2572
    secondaryFiles: [.bai]
    outputBinding: {glob: $(inputs.alignments.basename)}
