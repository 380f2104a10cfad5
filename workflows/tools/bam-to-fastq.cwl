cwlVersion: v1.2
class: CommandLineTool
label: Aligned reads back to FASTQ
doc: |
  Brings the reads of each pair together (samtools collate) and writes them as a sequencer would have (samtools fastq):
  secondary and supplementary alignments are left out, reads on the reverse strand are turned back.
  Reads without their mate are left out too.
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

baseCommand:
  - bash
  - -o
  - errexit
  - -o
  - nounset
  - -o
  - pipefail
  - -c
  - |
    samtools collate -u -O "$2" "$1/collate" |
      samtools fastq -n -1 reads_1.fastq.gz -2 reads_2.fastq.gz -0 /dev/null -s /dev/null -
  - bam-to-fastq
arguments:
  - {valueFrom: $(runtime.tmpdir), position: 2}

inputs:
  alignments:
    type: File
    format: edam:format_2572
    doc: Aligned reads (BAM).
    inputBinding: {position: 3}

outputs:
  reads_1:
    type: File
    format: edam:format_1930
    outputBinding: {glob: reads_1.fastq.gz}
  reads_2:
    type: File
    format: edam:format_1930
    outputBinding: {glob: reads_2.fastq.gz}
