"""Other libraries' indexes, to be measured beside ours. Never used to serve.

Each in forms that its makers recommend for search in memory, on one thread.
"""
