"""From records to verdicts: frames, statistics, claims, trends, spreads, and the scorecard."""
