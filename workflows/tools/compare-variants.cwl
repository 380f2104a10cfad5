cwlVersion: v1.2
class: CommandLineTool
label: Variants against a truth set
doc: |
  Counts the alleles that both sets have, that only the truth has, and that only the calls have. Both sets are normalised
  first: one allele a line, moved as far left as it goes. Genotypes are not compared.
  With `confident`, only what lies in those regions counts.
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
    # One line for each allele that passes its filters. Only positions and alleles are kept of a set, and its contigs are
    # taken from the reference, for many a truth set has an incomplete header.
    alleles() {
      {
        printf '##fileformat=VCFv4.2\n'
        awk 'BEGIN { FS = "\t" } { printf "##contig=<ID=%s,length=%d>\n", $1, $2 }' "$reference.fai"
        printf '#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n'
        gzip -cdf "$1" | awk 'BEGIN { FS = OFS = "\t" }
          !/^#/ && ($7 == "PASS" || $7 == ".") { print $1, $2, ".", $4, $5, ".", ".", "." }'
      } | bcftools norm --no-version -f "$reference" -m -any - |
        if [ $# = 2 ]; then bcftools view --no-version -T "$2" -; else cat; fi |
        bcftools query -f '%CHROM\t%POS\t%REF\t%ALT\n' -e 'ALT="*" || ALT="."' - |
        awk 'BEGIN { FS = OFS = "\t" } { print $1, $2, toupper($3), toupper($4) }' |
        sort -u
    }
    reference=$1 calls=$2 truth=$3
    shift 3
    alleles "$calls" "$@" >called
    alleles "$truth" "$@" >true
    comm -12 called true >both
    comm -13 called true >missed
    comm -23 called true >extra
    for set in missed extra; do
      sed 's/^/'"$set"'\t/' "$set"
    done >differences.txt
    set -- $(wc -l <both) $(wc -l <missed) $(wc -l <extra)
    printf '{"true_positives": %d, "misses": %d, "extras": %d}\n' "$@" >comparison.json
  - compare-variants

inputs:
  reference:
    type: File
    format: edam:format_1929
    secondaryFiles: [.fai]
    doc: The reference genome with its index (FASTA, .fai).
    inputBinding: {position: 2}
  calls:
    type: File
    format: edam:format_3016
    doc: What was called (VCF).
    inputBinding: {position: 3}
  truth:
    type: File
    format: edam:format_3016
    doc: What is known to be there (VCF).
    inputBinding: {position: 4}
  confident:
    type: File?
    format: edam:format_3003
    doc: Where the truth is complete (BED).
    inputBinding: {position: 5}

outputs:
  comparison:
    type: File
    format: edam:format_3464
    doc: The three counts (JSON).
    outputBinding: {glob: comparison.json}
  differences:
    type: File
    format: edam:format_3475
    doc: Each allele that only one set has, after the word `missed` or `extra`.
    outputBinding: {glob: differences.txt}
