"""Smaller models: pruned and quantised."""
