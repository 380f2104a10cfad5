cwlVersion: v1.2
class: CommandLineTool
label: Counts of variants
doc: |
  How many variants of which kind, their qualities, substitutions and lengths (bcftools stats). The lines that name the
  command and the file are left out.
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

baseCommand:
  - bash
  - -o
  - errexit
  - -o
  - nounset
  - -o
  - pipefail
  - -c
  - bcftools stats - <"$1" | sed '/^# This file was produced/d; /^# The command line/d; /^ID\t/d'
  - variant-stats
stdout: $(inputs.variants.nameroot).stats.txt

inputs:
  variants:
    type: File
    format: edam:format_3016
    doc: Variants (VCF).
    inputBinding: {position: 2}

outputs:
  stats:
    type: stdout
    format: edam:format_3475
