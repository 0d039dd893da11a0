"""Another generation of an index, made beside it while it is used, and swapped in one step."""
