{
    "$graph": [
        {
            "class": "CommandLineTool",
            "id": "#sort.cwl",
            "baseCommand": ["samtools", "sort"],
            "hints": [{"class": "http://arvados.org/cwl#RuntimeConstraints", "keep_cache": 1024}],
            "inputs": [{"id": "#sort.cwl/input", "type": "File", "inputBinding": {"position": 1}}],
            "outputs": [{"id": "#sort.cwl/output", "type": "File", "outputBinding": {"glob": "sorted.bam"}}],
            "stdout": "sorted.bam"
        },
        {
            "class": "Workflow",
            "id": "#main",
            "requirements": [{"class": "ScatterFeatureRequirement"}, {"class": "StepInputExpressionRequirement"}],
            "inputs": [
                {"id": "#main/bams", "type": {"type": "array", "items": "File"}},
                {"id": "#main/kind", "type": {"type": "enum", "symbols": ["#main/kind/wgs", "#main/kind/wes"]}, "default": "wgs"}
            ],
            "outputs": [{"id": "#main/sorted", "type": {"type": "array", "items": "File"}, "outputSource": "#main/sort/output"}],
            "steps": [
                {
                    "id": "#main/sort",
                    "run": "#sort.cwl",
                    "scatter": "#main/sort/input",
                    "in": [
                        {"id": "#main/sort/input", "source": "#main/bams"},
                        {"id": "#main/sort/unused", "valueFrom": "$(1)"}
                    ],
                    "out": ["#main/sort/output"]
                }
            ]
        }
    ],
    "cwlVersion": "v1.0",
    "$namespaces": {"arv": "http://arvados.org/cwl#"},
    "$schemas": ["https://schema.org/version/latest/schemaorg-current-http.rdf"]
}
