"""Requests and items to tensors: one code for training and for serving."""
