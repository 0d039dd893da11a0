"""Hard negatives from an index: found by its searches or by a citation graph, checked by a teacher."""
