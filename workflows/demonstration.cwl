cwlVersion: v1.2
class: Workflow
label: Germline variants of known reads, checked against the truth
doc: |
  Turns aligned reads back to FASTQ, runs the germline workflow on them, and counts how many of the known variants it
  found.
$namespaces:
  edam: http://edamontology.org/

requirements:
  SubworkflowFeatureRequirement: {}

inputs:
  reads:
    type: File
    format: edam:format_2572
    doc: Aligned reads of one sample (BAM).
  reference:
    type: File
    format: edam:format_1929
    doc: The reference genome (FASTA, not compressed).
  truth:
    type: File
    format: edam:format_3016
    doc: The variants that are known to be there (VCF).
  sample:
    type: string
    default: NA12878
  interval_size:
    type: int
    default: 4000
    doc: The most bases that one calling task covers.

steps:
  reads_as_sequenced:
    run: tools/bam-to-fastq.cwl
    in: {alignments: reads}
    out: [reads_1, reads_2]
  germline:
    run: germline.cwl
    in:
      reads_1: reads_as_sequenced/reads_1
      reads_2: reads_as_sequenced/reads_2
      reference: reference
      sample: sample
      interval_size: interval_size
    out: [alignments, variants, quality_report, alignment_stats, variant_stats]
  index_reference:
    run: tools/faidx.cwl
    in: {reference: reference}
    out: [indexed]
  compare:
    run: tools/compare-variants.cwl
    in: {reference: index_reference/indexed, calls: germline/variants, truth: truth}
    out: [comparison, differences]

outputs:
  alignments:
    type: File
    format: edam:format_2572
    secondaryFiles: [.bai]
    outputSource: germline/alignments
  variants:
    type: File
    format: edam:format_3016
    secondaryFiles: [.tbi]
    outputSource: germline/variants
  quality_report:
    type: File
    format: edam:format_3464
    outputSource: germline/quality_report
  alignment_stats:
    type: File
    format: edam:format_3464
    outputSource: germline/alignment_stats
  variant_stats:
    type: File
    format: edam:format_3475
    outputSource: germline/variant_stats
  comparison:
    type: File
    format: edam:format_3464
    doc: True positives, misses and extras (JSON).
    outputSource: compare/comparison
  differences:
    type: File
    format: edam:format_3475
    doc: Each allele that only the calls or only the truth has.
    outputSource: compare/differences
