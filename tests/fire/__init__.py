"""Proof under fire: many threads, load, and SIGKILL. Short in the suite, long by `python -m tests.fire`."""
