cwlVersion: v1.2
class: CommandLineTool
label: Duplicates among alignments
doc: |
  Marks read pairs that are copies of one molecule (samtools markdup), so that callers count the molecule once.
  Wants alignments sorted by position whose mates are known (samtools fixmate -m).
$namespaces:
  edam: http://edamontology.org/

requirements:
  DockerRequirement:
    dockerPull: sluis/genomics:1
    dockerImageId: sha256:156887c40e24a6100a6573241725ed3cf1ccda0fab32a2fba0092454b4e44979
  ResourceRequirement:
    coresMin: 1
    coresMax: 1
    ramMin: 2048

baseCommand: [samtools, markdup, --no-PG]
arguments:
  - {prefix: -T, valueFrom: $(runtime.tmpdir)/markdup, position: 1}
  - {valueFrom: $(inputs.sample).bam, position: 3}

inputs:
  sample:
    type: string
  alignments:
    type: File
    format: edam:format_2572
    doc: Alignments sorted by position (BAM).
    inputBinding: {position: 2}

outputs:
  marked:
    type: File
    format: edam:format_2572
    outputBinding: {glob: $(inputs.sample).bam}
