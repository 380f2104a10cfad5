cwlVersion: v1.1
$graph:
  - id: shell
    class: CommandLineTool
    requirements:
      ShellCommandRequirement: {}
      InitialWorkDirRequirement:
        listing:
          - entryname: script.sh
            entry: |
              set -euo pipefail
              for f in $(ls *.bam); do echo "\${f%.bam}"; done
              n=$(( $(nproc) - 1 ))
          - $(inputs.files)
    inputs: {files: 'File[]'}
    outputs: {names: stdout}
    arguments: [{shellQuote: false, valueFrom: "bash script.sh && echo $(inputs.files.length)"}]
  - id: entry-point
    class: CommandLineTool
    hints: {DockerRequirement: {dockerPull: example/tool}}
    inputs: {verbose: {type: ["null", {type: array, items: string, inputBinding: {prefix: -v}}]}}
    outputs: []
