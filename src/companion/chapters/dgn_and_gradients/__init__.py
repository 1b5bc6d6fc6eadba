"""Deep gated networks and their gradients: what the chapter measures, and how it draws that."""
