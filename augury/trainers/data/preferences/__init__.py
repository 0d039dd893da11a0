"""Pairs of expansions, a better and a worse one, from what they do to a search."""
