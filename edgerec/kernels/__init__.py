"""Cython doors to the C core in src_c: check the arguments, release the GIL, call, map the status."""
