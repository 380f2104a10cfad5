#!/usr/bin/env cwl-runner
cwlVersion: v1.0
class: CommandLineTool
doc: "Counts reads.
The lines of this text begin at the margin.

    And this one does not."
requirements:
- class: InlineJavascriptRequirement
- class: ResourceRequirement
  ramMin: 8GB
baseCommand: count
arguments:
- valueFrom: "$({a: [1)"
inputs:
- id: reads
  type: https://w3id.org/cwl/cwl#File
- id: name
  type: [sld:null, xsd:string]
- id: name
  type: string
outputs: []
