cwlVersion: v1.2
class: CommandLineTool
baseCommand: cat
arguments: [$(inputs.raeds.path), $(input.reads.path), $(runtime.core)]
stdout: $(inputs.sample).txt
inputs: {reads: File, sample_name: string}
outputs: {out: stdout}
