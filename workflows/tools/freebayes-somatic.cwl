cwlVersion: v1.2
class: CommandLineTool
label: Somatic candidates in one interval
doc: |
  Looks at tumour and normal together without assuming a number of chromosome copies (freebayes, pooled), and reports every
  allele with some support in either. Dates, command line and names of files on the machine are left out of the header.
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
    freebayes --pooled-continuous --pooled-discrete -F 0.05 -C 3 -f "$1" -t "$2" "$3" "$4" |
      sed '/^##fileDate=/d; /^##reference=/d; /^##commandline=/d' |
      bgzip -c >candidates.vcf.gz
  - freebayes-somatic

inputs:
  reference:
    type: File
    format: edam:format_1929
    secondaryFiles: [.fai]
    doc: The reference genome with its index (FASTA, .fai).
    inputBinding: {position: 2}
  interval:
    type: File
    format: edam:format_3003
    doc: Where to call (BED).
    inputBinding: {position: 3}
  tumour:
    type: File
    format: edam:format_2572
    secondaryFiles: [.bai]
    doc: The tumour's alignments with their index (BAM).
    inputBinding: {position: 4}
  normal:
    type: File
    format: edam:format_2572
    secondaryFiles: [.bai]
    doc: The normal tissue's alignments with their index (BAM).
    inputBinding: {position: 5}

outputs:
  candidates:
    type: File
    format: edam:format_3016
    doc: Alleles with support in tumour or normal (VCF, two samples).
    outputBinding: {glob: candidates.vcf.gz}
