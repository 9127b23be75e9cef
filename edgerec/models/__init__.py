"""Reference architectures, in PyTorch."""
