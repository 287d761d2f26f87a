"""Benchmarks: what this library costs beside others, as ratios within one run. `python -m tests.benchmarks`."""
