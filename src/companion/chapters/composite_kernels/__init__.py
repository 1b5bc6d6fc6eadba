"""Composite kernels: what the chapter measures, and how it draws that."""
