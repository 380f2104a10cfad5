cwlVersion: v1.2
class: CommandLineTool
label: Quality control of paired reads
doc: |
  fastp reads both files of a pair and reports on quality, length, duplication, adapters and insert size.
  The reads themselves stay as they are. fastp writes its command line into the report; the second argument takes it out,
  so that the same reads always give the same report.
$namespaces:
  edam: http://edamontology.org/

requirements:
  DockerRequirement:
    dockerPull: sluis/genomics:1
    dockerImageId: sha256:156887c40e24a6100a6573241725ed3cf1ccda0fab32a2fba0092454b4e44979
  ResourceRequirement:
    coresMin: 1
    coresMax: 1
    # It holds packs of reads in memory, between 1 and 1.5 GiB whatever the files' size.
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
    fastp --thread 1 --in1 "$1" --in2 "$2" --json report.json --html /dev/null
    sed 's|^\(\s*"command": \).*|\1"fastp"|' report.json >qc.json
    rm report.json
  - fastp

inputs:
  reads_1:
    type: File
    format: edam:format_1930
    doc: The first reads of the pairs (FASTQ, may be compressed).
    inputBinding: {position: 2}
  reads_2:
    type: File
    format: edam:format_1930
    doc: The second reads of the pairs, in the same order.
    inputBinding: {position: 3}

outputs:
  report:
    type: File
    format: edam:format_3464
    doc: What fastp found (JSON).
    outputBinding: {glob: qc.json}
