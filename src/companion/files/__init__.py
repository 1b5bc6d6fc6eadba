"""Files as such: written whole or not at all, and known by their digests."""
