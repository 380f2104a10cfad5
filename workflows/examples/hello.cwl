# The smallest tool: it takes a name and writes a greeting. It asks for no container, so it runs on this machine.
#   sluis run workflows/examples/hello.cwl hello.yml        with the line `name: Mira` in hello.yml
cwlVersion: v1.2
class: CommandLineTool
label: A greeting
baseCommand: [printf, "Hello, %s!\n"]
stdout: greeting.txt

inputs:
  name:
    type: string
    default: world
    inputBinding: {position: 1}

outputs:
  greeting: stdout
