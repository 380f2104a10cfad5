cwlVersion: v1.2
class: Workflow
label: Germline variants of one sample
doc: |
  From the reads of one sample to its variants: quality control, alignment, duplicates, calling in parallel over
  intervals of the reference, and counts of what came out.
$namespaces:
  edam: http://edamontology.org/

requirements:
  ScatterFeatureRequirement: {}
  SubworkflowFeatureRequirement: {}

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
    doc: The reference genome (FASTA, not compressed).
  sample:
    type: string
    doc: The sample's name; also that of the files that come out.
  interval_size:
    type: int
    default: 5000000
    doc: The most bases that one calling task covers.

steps:
  quality_control:
    run: tools/fastp.cwl
    in: {reads_1: reads_1, reads_2: reads_2}
    out: [report]
  index_for_alignment:
    run: tools/bwa-index.cwl
    in: {reference: reference}
    out: [indexed]
  index_for_calling:
    run: tools/faidx.cwl
    in: {reference: reference}
    out: [indexed]
  align:
    run: align.cwl
    in: {reads_1: reads_1, reads_2: reads_2, reference: index_for_alignment/indexed, sample: sample}
    out: [alignments]
  split:
    run: tools/split-reference.cwl
    in: {reference: index_for_calling/indexed, interval_size: interval_size}
    out: [intervals]
  call:
    run: tools/call-variants.cwl
    scatter: interval
    in: {reference: index_for_calling/indexed, interval: split/intervals, alignments: align/alignments}
    out: [calls]
  merge:
    run: tools/merge-variants.cwl
    in: {name: sample, calls: call/calls}
    out: [merged]
  count_alignments:
    run: tools/alignment-stats.cwl
    in: {alignments: align/alignments}
    out: [stats]
  count_variants:
    run: tools/variant-stats.cwl
    in: {variants: merge/merged}
    out: [stats]

outputs:
  alignments:
    type: File
    format: edam:format_2572
    secondaryFiles: [.bai]
    doc: The alignments, sorted, duplicates marked, indexed (BAM).
    outputSource: align/alignments
  variants:
    type: File
    format: edam:format_3016
    secondaryFiles: [.tbi]
    doc: The variants, sorted and indexed (VCF).
    outputSource: merge/merged
  quality_report:
    type: File
    format: edam:format_3464
    doc: What quality control found in the reads (JSON).
    outputSource: quality_control/report
  alignment_stats:
    type: File
    format: edam:format_3464
    doc: Counts of alignments (JSON).
    outputSource: count_alignments/stats
  variant_stats:
    type: File
    format: edam:format_3475
    doc: Counts of variants (tab-separated).
    outputSource: count_variants/stats
