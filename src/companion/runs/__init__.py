"""One run: its spec with fields and streams, its regime, its objective, its examples and their labels."""
