"""ONNX surgery that pruning, quantisation, splitting and importers share."""
