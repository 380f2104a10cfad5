cwlVersion: v1.2
class: CommandLineTool
baseCommand: cat
inputs:
  mode: {type: enum, symbols: [fast, slow]}
  other: {type: {type: enum, symbol: [fast, slow]}}
  third: {type: {type: enum, symbols: fast}}
outputs: {}
