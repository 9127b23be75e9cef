"""Compiled models in a bundle: the shipped variants, their plan, and the session that runs here."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgerec.backends.registry import backend
from edgerec.backends.session import Session
from edgerec.bundle.reader import Bundle
from edgerec.bundle.writer import BundleWriter
from edgerec.errors import BundleCorruptError
from edgerec.machine.cpu import cpu
from edgerec.values.model import Model
from edgerec.values.plan import Plan, Precision, Variant
from edgerec.values.signature import Signature

__all__ = [
    "MODEL_KIND",
    "ShippedModel",
    "open_session",
    "read_models",
    "warnings_for",
    "write_model",
]

MODEL_KIND = "model"
SECTION = "models"
log = logging.getLogger("edgerec.engine")


@dataclass(frozen=True, slots=True)
class ShippedModel:
    """One model of a bundle: its variants' parts, the chosen one first."""

    name: str
    signature: Signature
    plan: Plan
    parts: tuple[tuple[Variant, str], ...]


def write_model(
    writer: BundleWriter, plan: Plan, models: Mapping[Variant, Model]
) -> dict[str, Any]:
    """Add a compiled model's variants to a bundle; returns its entry for the section ``models``."""
    chosen = models[plan.chosen.variant]
    entries = []
    for place, (variant, model) in enumerate(models.items()):
        name = f"models/{plan.model}/{place}.onnx"
        writer.add(name, MODEL_KIND, model.graph)
        entries.append({"part": name, "variant": _variant_dict(variant)})
    return {
        "signature": chosen.signature.to_dict(),
        "plan": plan.to_dict(),
        "variants": entries,
    }


def read_models(bundle: Bundle) -> dict[str, ShippedModel]:
    """Every model of a bundle by name."""
    shipped = {}
    for name, entry in bundle.section(SECTION).items():
        try:
            parts = tuple((_variant(v["variant"]), v["part"]) for v in entry["variants"])
            signature = Signature.from_dict(entry["signature"])
            plan = Plan.from_dict(entry["plan"])
        except (KeyError, TypeError, ValueError) as error:
            raise BundleCorruptError(f"manifest.json:$.sections.models.{name}: {error}") from error
        shipped[name] = ShippedModel(name, signature, plan, parts)
    return shipped


def open_session(bundle: Bundle, model: ShippedModel, *, threads: int) -> Session:
    """The session of the chosen variant; it is built in the process that first runs it.

    It runs on the threads it was measured with, or on ``threads`` where those are fewer: a budget
    of more serves more requests at once.
    """
    variant, part = model.parts[0]
    granted = min(variant.threads, threads)
    return backend(variant.backend).open(bundle.read(part), model.signature, threads=granted)


def warnings_for(model: ShippedModel) -> tuple[str, ...]:
    """How this machine differs from the one the plan was measured on, in words.

    Shipped artifacts are right on every CPU the wheel runs on; what may differ is their speed.
    """
    machine = cpu()
    if machine.fingerprint == model.plan.cpu:
        return ()
    missing = sorted(set(model.plan.isa) - set(machine.isas))
    lacks = f" (this one lacks {', '.join(missing)})" if missing else ""
    warning = (
        f"{model.name}: the plan was measured on another CPU{lacks}; answers are the same, times "
        "may not be. Build again on this kind of machine to choose anew"
    )
    return (warning,)


def _variant_dict(variant: Variant) -> dict[str, Any]:
    return {
        "backend": variant.backend,
        "precision": variant.precision.value,
        "keep": variant.keep,
        "threads": variant.threads,
    }


def _variant(data: Mapping[str, Any]) -> Variant:
    return Variant(**{**data, "precision": Precision(data["precision"])})
