"""The nearest items of a query vector: indexes, and the strategy that chooses among them."""
