#!/usr/bin/env cwl-runner
cwlVersion: v1.0
class: CommandLineTool
id: "variant-caller"
label: "A variant caller"

$namespaces:
  dct: http://purl.org/dc/terms/
  foaf: http://xmlns.com/foaf/0.1/
  s: https://schema.org/
  edam: http://edamontology.org/
  doap: http://usefulinc.com/ns/doap#
$schemas:
  - https://schema.org/version/latest/schemaorg-current-http.rdf
  - http://edamontology.org/EDAM_1.18.owl
  - http://dublincore.org/2012/06/14/dcterms.rdf

dct:creator:
  '@id': https://orcid.org/0000-0000-0000-0000
  foaf:name: A. Person
  foaf:mbox: mailto:person@example.org
s:author:
  - class: s:Person
    s:identifier: https://orcid.org/0000-0000-0000-0000
    s:name: A. Person
s:codeRepository: https://example.org/repository
s:dateCreated: "2018-01-01"
doap:release:
  - class: doap:Version
    doap:revision: 1.0.0

requirements:
  DockerRequirement: {dockerPull: "quay.io/example/caller:1.0"}
  InlineJavascriptRequirement: {}
  EnvVarRequirement: {envDef: [{envName: THREADS, envValue: $(String(inputs.threads))}]}
hints:
  SoftwareRequirement:
    packages:
      caller: {version: ["1.0"], specs: ["https://bio.tools/caller"]}
      samtools: ["https://bio.tools/samtools"]
  cwltool:Secrets: {secrets: [token]}
inputs:
  bam:
    type: File
    format: edam:format_2572
    secondaryFiles: ["${ return self.basename + '.bai'; }"]
    inputBinding: {prefix: -I, valueFrom: "$(self.path)"}
  threads: {type: int, default: 4, inputBinding: &prefixed {prefix: -@, separate: false}}
  more: {type: int?, inputBinding: {<<: *prefixed, position: 2}}
  token: {type: string?, doc: [one paragraph, another one]}
  ploidy:
    type:
      - "null"
      - type: array
        items: int
        inputBinding: {prefix: -p}
  version: {type: string, default: 1.10}
outputs:
  vcf: {type: File, format: edam:format_3016, outputBinding: {glob: "$(inputs.bam.nameroot).vcf"}}
  log: stdout
baseCommand: [caller, call]
stdout: caller.log
---
