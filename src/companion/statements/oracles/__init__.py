"""Oracles of the checks: worked cases, longhand computations, exact expectations, growing widths."""
