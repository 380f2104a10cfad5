{
    "cwlVersion": "v1.2",
    "$graph": [
        {
            "class": "CommandLineTool",
            "id": "#align.cwl",
            "doc": "Aligns lanes \ud83e\uddec of one sample.",
            "baseCommand": "align",
            "requirements": [
                {
                    "class": "SchemaDefRequirement",
                    "types": [
                        {
                            "id": "#lane.yaml",
                            "name": "#lane.yaml/lane",
                            "type": "record",
                            "fields": [{"name": "#lane.yaml/lane/reads", "type": "File"}]
                        }
                    ]
                }
            ],
            "inputs": [{"id": "#align.cwl/lanes", "type": {"type": "array", "items": "#lane.yaml/lane"}}],
            "outputs": [{"id": "#align.cwl/bam", "type": "File", "outputBinding": {"glob": "*.bam"}}]
        },
        {
            "class": "Workflow",
            "id": "#main",
            "requirements": [{"class": "SchemaDefRequirement", "types": [{"$import": "#lane.yaml"}]}],
            "inputs": [{"id": "#main/lanes", "type": {"type": "array", "items": "#lane.yaml/lane"}}],
            "outputs": [{"id": "#main/bam", "type": "File", "outputSource": "#main/align/bam"}],
            "steps": [
                {
                    "id": "#main/align",
                    "run": "#align.cwl",
                    "in": [{"id": "#main/align/lanes", "source": "#main/lanes"}],
                    "out": ["#main/align/bam"]
                }
            ]
        }
    ]
}
