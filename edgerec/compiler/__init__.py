"""Variants of a model, measured, gated and chosen."""
