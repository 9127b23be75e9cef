"""Importing this binds the process, and those that it starts, to one thread each.

It comes before all that loads BLAS or OpenMP: they read these variables when they are loaded.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
