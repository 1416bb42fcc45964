"""Hard contracts at every boundary: shape, types, closed sets, keys, and what a legal basis allows."""
