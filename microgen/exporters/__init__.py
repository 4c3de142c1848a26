"""Exporters: MindIR to model formats. One module per format."""
