cwlVersion: v1.2
class: CommandLineTool
label: Somatic variants among candidates
doc: |
  Splits candidates into single alleles, normalises them, and keeps those with enough support in the tumour and next to none
  in the normal, where the normal was seen well enough to tell.
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
    bcftools view --no-version -Ou -s "$2,$3" "$7" |
      bcftools norm --no-version -Ou -a -m -any -f "$1" - |
      bcftools view --no-version -Ou -i "FMT/AO[0:0]>=$4 && FMT/AO[1:0]<=$5 && FMT/DP[1]>=$6" - |
      bcftools norm --no-version -Oz -d exact -o "$2.somatic.vcf.gz" -
    bcftools index --tbi "$2.somatic.vcf.gz"
  - filter-somatic

inputs:
  reference:
    type: File
    format: edam:format_1929
    secondaryFiles: [.fai]
    doc: The reference genome with its index (FASTA, .fai).
    inputBinding: {position: 2}
  tumour_sample:
    type: string
    doc: The tumour's name in the file.
    inputBinding: {position: 3}
  normal_sample:
    type: string
    doc: The normal's name in the file.
    inputBinding: {position: 4}
  least_tumour_reads:
    type: int
    default: 4
    doc: How many reads of the tumour must carry the allele.
    inputBinding: {position: 5}
  most_normal_reads:
    type: int
    default: 1
    doc: How many reads of the normal may carry it.
    inputBinding: {position: 6}
  least_normal_depth:
    type: int
    default: 8
    doc: How many reads the normal must have there.
    inputBinding: {position: 7}
  candidates:
    type: File
    format: edam:format_3016
    secondaryFiles: [.tbi]
    doc: Candidates (VCF, two samples).
    inputBinding: {position: 8}

outputs:
  somatic:
    type: File
    format: edam:format_3016
    secondaryFiles: [.tbi]
    doc: The somatic variants, sorted and indexed (VCF, tumour first).
    outputBinding: {glob: $(inputs.tumour_sample).somatic.vcf.gz}
