"""Retrieval beside its peers: scans, approximate indexes, filters, growth, a shared machine."""
