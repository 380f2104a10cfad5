cwlVersion: v1.2
class: CommandLineTool
label: Alignment of paired reads
doc: |
  Aligns with `bwa mem`, gives every read the sample's read group, and completes what each read knows of its mate
  (samtools fixmate, needed to mark duplicates). The reads stay in the order in which they came.
  Batches have a fixed size (-K), so that the result is the same with any number of threads, and the program's own
  command line is left out of the header.
$namespaces:
  edam: http://edamontology.org/

requirements:
  InlineJavascriptRequirement: {}
  DockerRequirement:
    dockerPull: sluis/genomics:1
    dockerImageId: sha256:156887c40e24a6100a6573241725ed3cf1ccda0fab32a2fba0092454b4e44979
  ResourceRequirement:
    coresMin: $(inputs.threads)
    coresMax: $(inputs.threads)
    # The index takes about two bytes a base, batches some hundred megabytes.
    ramMin: $(1536 + Math.ceil(inputs.reference.size / 1048576) * 3)

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
    bwa mem -K 10000000 -Y -t "$1" -R "@RG\\tID:$2\\tSM:$2\\tPL:ILLUMINA" "$3" "$4" "$5" |
      sed '/^@PG\t/d' |
      samtools fixmate --no-PG -m -O bam - "$2.aligned.bam"
  - bwa-mem

inputs:
  threads:
    type: int
    default: 2
    inputBinding: {position: 2}
  sample:
    type: string
    doc: The sample's name; becomes the read group and the name in the variant file.
    inputBinding: {position: 3}
  reference:
    type: File
    format: edam:format_1929
    secondaryFiles: [.amb, .ann, .bwt, .pac, .sa]
    doc: The reference genome with bwa's index (FASTA).
    inputBinding: {position: 4}
  reads_1:
    type: File
    format: edam:format_1930
    doc: The first reads of the pairs (FASTQ, may be compressed).
    inputBinding: {position: 5}
  reads_2:
    type: File
    format: edam:format_1930
    doc: The second reads of the pairs, in the same order.
    inputBinding: {position: 6}

outputs:
  aligned:
    type: File
    format: edam:format_2572
    doc: The alignments (BAM), in the reads' order.
    outputBinding: {glob: $(inputs.sample).aligned.bam}
