"""The report's plots: one file a concept, each drawing a pure function of the evidence to the text of an SVG file."""
