cwlVersion: v1.2
$graph:
- class: CommandLineTool
  id: main
  baseCommand: cat
  requirements:
    SchemaDefRequirement:
      types:
      - {$import: "#lane"}
      - {$import: "#sample"}
  inputs: []
  outputs: []
- name: lane
  type: record
  fields: {again: {$import: "#lane"}}
