"""edgerec: compress trained models, choose by measurement how to run them, answer in milliseconds.

The names below load what they need when first used; ``import edgerec`` itself loads numpy and the
standard library only.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgerec.compiler.compilation import compile
    from edgerec.engine.engine import Engine
    from edgerec.engine.indexing import Indexed, build_index
    from edgerec.engine.opening import open
    from edgerec.engine.vector_index import VectorIndex, open_index
    from edgerec.importers.importer import import_model
    from edgerec.retrieval.strategy import Target
    from edgerec.values.budget import Budget
    from edgerec.values.examples import Examples
    from edgerec.values.model import Model
    from edgerec.values.plan import Plan
    from edgerec.values.results import Results
    from edgerec.values.signature import Input, Output, Signature

__all__ = [
    "Budget",
    "Engine",
    "Examples",
    "Indexed",
    "Input",
    "Model",
    "Output",
    "Plan",
    "Results",
    "Signature",
    "Target",
    "VectorIndex",
    "build_index",
    "compile",
    "import_model",
    "open",
    "open_index",
]

__version__ = "0.1.0"

_HOMES = {
    "Budget": "edgerec.values.budget",
    "Engine": "edgerec.engine.engine",
    "Examples": "edgerec.values.examples",
    "Indexed": "edgerec.engine.indexing",
    "Input": "edgerec.values.signature",
    "Model": "edgerec.values.model",
    "Output": "edgerec.values.signature",
    "Plan": "edgerec.values.plan",
    "Results": "edgerec.values.results",
    "Signature": "edgerec.values.signature",
    "Target": "edgerec.retrieval.strategy",
    "VectorIndex": "edgerec.engine.vector_index",
    "build_index": "edgerec.engine.indexing",
    "compile": "edgerec.compiler.compilation",
    "import_model": "edgerec.importers.importer",
    "open": "edgerec.engine.opening",
    "open_index": "edgerec.engine.vector_index",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'edgerec' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
