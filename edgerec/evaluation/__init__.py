"""Metrics, their intervals, and times."""
