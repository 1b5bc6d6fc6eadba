"""Tangent kernels and neural path kernels: what the chapter measures, and how it draws that."""
