"""Mutation: each statement broken once, to see that a test notices. Run by `python -m tests.mutation`; no test."""
