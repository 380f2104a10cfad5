cwlVersion: v1.2
class: Workflow
label: Reads to alignments ready for calling
doc: Aligns one sample's reads, sorts them, marks duplicates and indexes the result.
$namespaces:
  edam: http://edamontology.org/

inputs:
  reads_1:
    type: File
    format: edam:format_1930
    doc: The first reads of the pairs (FASTQ, may be compressed).
  reads_2:
    type: File
    format: edam:format_1930
    doc: The second reads of the pairs, in the same order.
  reference:
    type: File
    format: edam:format_1929
    secondaryFiles: [.amb, .ann, .bwt, .pac, .sa]
    doc: The reference genome with bwa's index (FASTA).
  sample:
    type: string
    doc: The sample's name.

steps:
  align:
    run: tools/bwa-mem.cwl
    in: {reads_1: reads_1, reads_2: reads_2, reference: reference, sample: sample}
    out: [aligned]
  sort:
    run: tools/sort.cwl
    in: {alignments: align/aligned, sample: sample}
    out: [sorted]
  mark_duplicates:
    run: tools/mark-duplicates.cwl
    in: {alignments: sort/sorted, sample: sample}
    out: [marked]
  index:
    run: tools/index.cwl
    in: {alignments: mark_duplicates/marked}
    out: [indexed]

outputs:
  alignments:
    type: File
    format: edam:format_2572
    secondaryFiles: [.bai]
    doc: The sample's alignments, sorted, duplicates marked, indexed (BAM).
    outputSource: index/indexed
