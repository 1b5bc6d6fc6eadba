"""Networks as data and as functions: architectures, families, gates, routing, forward passes, fresh parameters."""
