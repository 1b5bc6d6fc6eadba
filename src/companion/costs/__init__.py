"""Costs: floating-point operations of runs, how fast they go here, and benchmarks."""
