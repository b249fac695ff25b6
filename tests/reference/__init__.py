"""An independent, slow and plain reference of docs/scoring.md; it shares no code with the pipeline."""
