"""The fault matrix: every surface, operation and fault, and what came of each; `python -m tests.matrix` plays it."""
