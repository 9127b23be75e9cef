"""Measurements: each prints a line a figure, and exits with 1 where one falls short."""
