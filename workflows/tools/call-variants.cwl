cwlVersion: v1.2
class: CommandLineTool
label: Variants of a sample in one interval
doc: |
  Looks at the reads over each position (bcftools mpileup) and calls the variants (bcftools call, multiallelic model).
  Names of files on the machine are left out of the header.
$namespaces:
  edam: http://edamontology.org/

requirements:
  DockerRequirement:
    dockerPull: sluis/genomics:1
    dockerImageId: sha256:156887c40e24a6100a6573241725ed3cf1ccda0fab32a2fba0092454b4e44979
  ResourceRequirement:
    coresMin: 1
    coresMax: 1
    ramMin: 1024

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
    bcftools mpileup --no-version -Ou -a FORMAT/AD,FORMAT/DP -f "$1" -R "$2" "$3" |
      bcftools call --no-version -mv -Ov |
      sed '/^##reference=/d' |
      bgzip -c >calls.vcf.gz
  - call-variants

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
  alignments:
    type: File
    format: edam:format_2572
    secondaryFiles: [.bai]
    doc: The sample's alignments with their index (BAM).
    inputBinding: {position: 4}

outputs:
  calls:
    type: File
    format: edam:format_3016
    doc: The variants (VCF).
    outputBinding: {glob: calls.vcf.gz}
