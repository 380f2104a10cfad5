cwlVersion: v1.2
class: CommandLineTool
requirements: {InlineJavascriptRequirement: {}}
baseCommand: cat
arguments:
  - $(inputs.reads.basename.split('.')[0)
  - ${ return inputs.reads.size > ; }
  - valueFrom: |
      ${
        var n = 1;
        if (n { return 2; }
        return n;
      }
inputs: {reads: File}
outputs: {}
