cwlVersion: v1.2
class: Workflow
label: Somatic variants of a tumour beside its normal
doc: |
  Aligns the reads of a tumour and of normal tissue of the same person, calls both together in parallel over intervals of
  the reference, and keeps what the tumour has and the normal has not.
$namespaces:
  edam: http://edamontology.org/

requirements:
  ScatterFeatureRequirement: {}
  SubworkflowFeatureRequirement: {}

inputs:
  tumour_1:
    type: File
    format: edam:format_1930
    doc: The first reads of the tumour's pairs (FASTQ, may be compressed).
  tumour_2:
    type: File
    format: edam:format_1930
    doc: The second reads of the tumour's pairs, in the same order.
  normal_1:
    type: File
    format: edam:format_1930
    doc: The first reads of the normal's pairs.
  normal_2:
    type: File
    format: edam:format_1930
    doc: The second reads of the normal's pairs, in the same order.
  reference:
    type: File
    format: edam:format_1929
    doc: The reference genome (FASTA, not compressed).
  tumour_sample:
    type: string
    default: tumour
    doc: The tumour's name; also that of the files that come out.
  normal_sample:
    type: string
    default: normal
    doc: The normal's name; must differ from the tumour's.
  interval_size:
    type: int
    default: 5000000
    doc: The most bases that one calling task covers.

steps:
  index_for_alignment:
    run: tools/bwa-index.cwl
    in: {reference: reference}
    out: [indexed]
  index_for_calling:
    run: tools/faidx.cwl
    in: {reference: reference}
    out: [indexed]
  align_tumour:
    run: align.cwl
    in: {reads_1: tumour_1, reads_2: tumour_2, reference: index_for_alignment/indexed, sample: tumour_sample}
    out: [alignments]
  align_normal:
    run: align.cwl
    in: {reads_1: normal_1, reads_2: normal_2, reference: index_for_alignment/indexed, sample: normal_sample}
    out: [alignments]
  split:
    run: tools/split-reference.cwl
    in: {reference: index_for_calling/indexed, interval_size: interval_size}
    out: [intervals]
  call:
    run: tools/freebayes-somatic.cwl
    scatter: interval
    in:
      reference: index_for_calling/indexed
      interval: split/intervals
      tumour: align_tumour/alignments
      normal: align_normal/alignments
    out: [candidates]
  merge:
    run: tools/merge-variants.cwl
    in: {name: tumour_sample, calls: call/candidates}
    out: [merged]
  filter:
    run: tools/filter-somatic.cwl
    in:
      reference: index_for_calling/indexed
      tumour_sample: tumour_sample
      normal_sample: normal_sample
      candidates: merge/merged
    out: [somatic]

outputs:
  variants:
    type: File
    format: edam:format_3016
    secondaryFiles: [.tbi]
    doc: The somatic variants, sorted and indexed (VCF, tumour first).
    outputSource: filter/somatic
  tumour_alignments:
    type: File
    format: edam:format_2572
    secondaryFiles: [.bai]
    doc: The tumour's alignments, sorted, duplicates marked, indexed (BAM).
    outputSource: align_tumour/alignments
  normal_alignments:
    type: File
    format: edam:format_2572
    secondaryFiles: [.bai]
    doc: The normal's alignments, sorted, duplicates marked, indexed (BAM).
    outputSource: align_normal/alignments
