cwlVersion: v1.2
class: CommandLineTool
label: Alignments by position
doc: |
  Sorts alignments by where they lie on the reference.
$namespaces:
  edam: http://edamontology.org/

requirements:
  DockerRequirement:
    dockerPull: sluis/genomics:1
    dockerImageId: sha256:156887c40e24a6100a6573241725ed3cf1ccda0fab32a2fba0092454b4e44979
  ResourceRequirement:
    coresMin: 1
    coresMax: 1
    ramMin: 1536

baseCommand: [samtools, sort, --no-PG, -m, 768M]
arguments:
  - {prefix: -T, valueFrom: $(runtime.tmpdir)/sort, position: 1}
  - {prefix: -o, valueFrom: $(inputs.sample).sorted.bam, position: 1}

inputs:
  sample:
    type: string
  alignments:
    type: File
    format: edam:format_2572
    doc: Alignments (BAM).
    inputBinding: {position: 2}

outputs:
  sorted:
    type: File
    format: edam:format_2572
    outputBinding: {glob: $(inputs.sample).sorted.bam}
