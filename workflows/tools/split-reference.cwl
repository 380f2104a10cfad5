cwlVersion: v1.2
class: CommandLineTool
label: Intervals of a reference
doc: |
  Cuts a reference into intervals of at most `interval_size` bases, one BED file each, in the reference's order.
  Whole contigs that are short share a file, so that a reference with thousands of scraps gives few files.
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
  - awk
  - |
    BEGIN { FS = OFS = "\t" }
    size < 1 { print "interval_size must be at least 1" > "/dev/stderr"; exit 2 }
    {
      begin = 0
      while (begin < $2) {
        # A new file: when the last is full, or when this contig would fit into one whole but not into the rest.
        if (room == 0 || (begin == 0 && $2 > room && $2 <= size)) {
          if (count) close(file)
          file = sprintf("interval-%06d.bed", ++count)
          room = size
        }
        end = begin + room < $2 ? begin + room : $2
        print $1, begin, end > file
        room -= end - begin
        begin = end
      }
    }
arguments:
  - valueFrom: $(inputs.reference.secondaryFiles[0].path)
    position: 2

inputs:
  reference:
    type: File
    format: edam:format_1929
    secondaryFiles: [.fai]
    doc: The reference genome with its index (FASTA, .fai).
  interval_size:
    type: int
    default: 5000000
    doc: The most bases that one interval file covers; at least 1.
    inputBinding: {prefix: size=, separate: false, position: 1}

outputs:
  intervals:
    type: File[]
    format: edam:format_3003
    doc: The intervals (BED), one file each.
    outputBinding: {glob: interval-*.bed}
