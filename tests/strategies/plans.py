"""Variants of a model, and what was measured for one."""

from __future__ import annotations

from hypothesis import strategies as st

from edgerec.values.plan import Interval, Measurement, Precision, Variant

__all__ = ["MEASURED", "variants"]

MEASURED = Measurement(
    quality=0.3,
    difference=Interval(-0.01, 0.0, 0.01),
    p50_us=100.0,
    p99_us=900.0,
    samples=500,
    cpu_s_per_1000=0.1,
    size_bytes=1000,
    confirmed=True,
)
variants = st.builds(
    Variant,
    st.sampled_from(["onnxruntime", "openvino"]),
    st.sampled_from(list(Precision)),
    st.sampled_from([1.0, 0.5]),
)
