"""Neural paths and gates: what the chapter measures, and how it draws that."""
