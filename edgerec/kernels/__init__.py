"""Cython doors to the C core: check the arguments, release the GIL, call, map the status."""
