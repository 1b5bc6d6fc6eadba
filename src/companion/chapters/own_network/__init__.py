"""What the chapter on one's own network shows: a small network, as a reader would write it."""
