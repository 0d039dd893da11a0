"""One file a format: what its rows look like, and what they say of a query."""
