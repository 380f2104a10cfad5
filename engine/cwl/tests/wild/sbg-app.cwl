cwlVersion: v1.0
class: CommandLineTool
$namespaces:
  sbg: https://www.sevenbridges.com/
id: bwa_mem_wrapper
label: BWA MEM wrapper
doc: |-
  **Aligns** reads; the platform's markdown stands here.
baseCommand: []
inputs:
  - id: reads
    type: File[]
    inputBinding: {position: 10, shellQuote: false}
    label: Reads
    sbg:fileTypes: FASTQ, FASTQ.GZ, FQ
  - id: reference
    type: File
    secondaryFiles: [.amb, .ann, .bwt, .pac, .sa]
    sbg:suggestedValue: {class: File, path: 5772b6c7507c1752674486d1, name: human_g1k_v37.fasta.tar}
  - sbg:toolDefaultValue: '1'
    sbg:category: Configuration
    id: threads
    type: int?
    default: "8"
    inputBinding: {position: 1, prefix: -t, shellQuote: false}
  - id: mode
    type:
      - 'null'
      - type: enum
        symbols: [fast, slow]
        name: mode
    sbg:stageInput: null
  - id: regions
    type: File?
    default: {class: File, path: ""}
outputs:
  - id: aligned
    doc: The alignments.
    type: File?
    outputBinding:
      glob: '*.bam'
      outputEval: $(inheritMetadata(self, inputs.reads))
    secondaryFiles: [.bai, ^.bai]
    sbg:fileTypes: BAM
arguments:
  - position: 0
    shellQuote: false
    valueFrom: |-
      ${
          // the reads' names can't be trusted: "it's a } trap"
          var cmd = 'bwa mem';
          if (inputs.reads[0].metadata && inputs.reads[0].metadata['sample_id']) {
              cmd += ' -R "@RG\\tID:1\\tSM:' + inputs.reads[0].metadata['sample_id'] + '"';
          }
          return cmd.replace(/['"]{2}/g, "").split('/').slice(-1)[0];
      }
  - prefix: --flag
requirements:
  - class: ShellCommandRequirement
  - class: ResourceRequirement
    ramMin: "${ return inputs.threads ? inputs.threads * 1000 : 4000; }"
    coresMin: "4"
  - class: DockerRequirement
    dockerPull: 'images.sbgenomics.com/vladimirk/bwa:0.7.17'
  - class: InlineJavascriptRequirement
    expressionLib:
      - |
        var setMetadata = function(file, metadata) {
            if (!('metadata' in file)) { file['metadata'] = {}; }
            for (var key in metadata) { file['metadata'][key] = metadata[key]; }
            return file;
        };
        var inheritMetadata = function(o1, o2) { return Array.isArray(o1) ? o1 : setMetadata(o1, {}); };
  - class: InlineJavascriptRequirement
hints:
  - class: 'sbg:AWSInstanceType'
    value: c4.8xlarge;ebs-gp2;2000
  - class: 'sbg:SaveLogs'
    value: '*.log'
  - class: 'sbg:maxNumberOfParallelInstances'
    value: 1
'sbg:revisionsInfo':
  - 'sbg:revision': 0
    'sbg:modifiedOn': 1516723183
'sbg:categories': [Alignment]
'sbg:license': 'BSD: 2-clause'
'sbg:image_url': null
