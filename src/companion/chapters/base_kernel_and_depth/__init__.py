"""The base kernel and depth: what the chapter measures, and how it draws that."""
