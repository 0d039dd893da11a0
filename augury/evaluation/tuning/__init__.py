"""Finding the settings of a search from judged queries: one pass of searches, then arithmetic."""
