"""Files the commands read and write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgerec.errors import InvalidInput, OutputExists
from edgerec.graph.metadata import write_signature
from edgerec.values.model import Model

__all__ = ["check_new", "read_json", "write_model_file", "write_text_file"]


def read_json(path: Path) -> Any:
    """One JSON document.

    Raises
    ------
    InvalidInput
        The file cannot be read or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"cannot read {path}: {error}") from error


def write_model_file(model: Model, out: Path, *, force: bool) -> None:
    """Write a model as ONNX with its signature inside; the file appears whole or not at all.

    Raises
    ------
    OutputExists
        ``out`` is there and ``force`` was not given.
    InvalidInput
        ``out`` cannot be written.
    """
    _write(out, write_signature(model.graph, model.signature), force=force)


def write_text_file(out: Path, text: str, *, force: bool) -> None:
    """Write text as UTF-8; the file appears whole or not at all.

    Raises
    ------
    OutputExists, InvalidInput
        As :func:`write_model_file`.
    """
    _write(out, text.encode(), force=force)


def check_new(out: Path, *, force: bool) -> None:
    """Say before the work begins that ``out`` could not be written after it."""
    if out.is_dir():
        raise InvalidInput(f"cannot write {out}: it is a directory")
    if out.exists() and not force:
        raise OutputExists(f"{out} exists; give --force to replace it")
    if not out.parent.is_dir():
        raise InvalidInput(f"cannot write {out}: there is no directory {out.parent}")


def _write(out: Path, data: bytes, *, force: bool) -> None:
    check_new(out, force=force)
    aside = out.with_name(f".{out.name}.partial")
    try:
        aside.write_bytes(data)
        aside.replace(out)
    except OSError as error:
        raise InvalidInput(f"cannot write {out}: {error.strerror}") from error
    finally:
        aside.unlink(missing_ok=True)
