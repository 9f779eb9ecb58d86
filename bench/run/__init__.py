"""A run: the embedded stack, playing openings, asking, the run folder, and the plain offline way."""
