cwlVersion: v1.2
class: CommandLineTool
label: Variants of all intervals in one file
doc: |
  Joins the variants of intervals that follow each other (bcftools concat), sorts them and indexes the result.
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
    name=$1 temporary=$2
    shift 2
    bcftools concat --no-version -Ou "$@" |
      bcftools sort -m 512M -T "$temporary/sort" -Oz -o "$name.vcf.gz"
    bcftools index --tbi "$name.vcf.gz"
  - merge-variants
arguments:
  - {valueFrom: $(runtime.tmpdir), position: 3}

inputs:
  name:
    type: string
    doc: The result's name without `.vcf.gz`.
    inputBinding: {position: 2}
  calls:
    type: File[]
    format: edam:format_3016
    doc: Variants of one interval each (VCF), in the reference's order.
    inputBinding: {position: 4}

outputs:
  merged:
    type: File
    format: edam:format_3016
    secondaryFiles: [.tbi]
    doc: All variants, sorted and indexed (VCF).
    outputBinding: {glob: $(inputs.name).vcf.gz}
