"""Bundles on disk: named bytes behind one digest, and the store that publishes them."""
