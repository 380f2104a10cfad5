cwlVersion: v1.2
class: CommandLineTool
label: Counts of alignments
doc: |
  How many reads are aligned, properly paired, duplicates and so on (samtools flagstat).
$namespaces:
  edam: http://edamontology.org/

requirements:
  DockerRequirement:
    dockerPull: sluis/genomics:1
    dockerImageId: sha256:156887c40e24a6100a6573241725ed3cf1ccda0fab32a2fba0092454b4e44979
  ResourceRequirement:
    coresMin: 1
    coresMax: 1
    ramMin: 512

baseCommand: [samtools, flagstat, -O, json]
stdout: $(inputs.alignments.nameroot).flagstat.json

inputs:
  alignments:
    type: File
    format: edam:format_2572
    doc: Alignments (BAM).
    inputBinding: {position: 2}

outputs:
  stats:
    type: stdout
    format: edam:format_3464
