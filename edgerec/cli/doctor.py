"""``edgerec doctor``."""

from __future__ import annotations

import importlib.util
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

import edgerec
from edgerec.backends.registry import BACKEND_NAMES, backend
from edgerec.cli.options import output_format
from edgerec.cli.output import echo_json
from edgerec.kernels import dispatch
from edgerec.machine.cpu import cpu
from edgerec.machine.limits import available_cores, cpu_quota, memory_limit_bytes
from edgerec.machine.pages import huge_pages

__all__ = ["doctor_command"]

PACKAGES = ("numpy", "onnx", "onnxruntime", "openvino", "faiss-cpu", "click")
HUGE_PAGES = {
    "always": "always",
    "madvise": "for tables, which ask for them",
    "never": "never: rows looked up one by one take longer",
    "unavailable": "not on this system",
}
EXTRAS = {"train": ("torch", "onnxscript", "tensorboard")}


@click.command("doctor")
@output_format
def doctor_command(output_format: str) -> None:
    """Say what this machine can run, what was chosen, and what is missing.

    \b
    Example:
      edgerec doctor --format json
    """
    report = _report()
    if output_format == "json":
        echo_json(report)
        return
    for heading, facts in report.items():
        click.echo(heading)
        for name, value in facts.items():
            click.echo(f"  {name:16} {_shown(value)}")


def _report() -> dict[str, dict[str, Any]]:
    machine = cpu()
    return {
        "machine": {
            "cpu": machine.model,
            "fingerprint": machine.fingerprint[:16],
            "int8": "VNNI" if machine.has_vnni else "no VNNI: weights of 7 bits",
            "cores": available_cores(),
            "quota": cpu_quota(),
            "memory limit": memory_limit_bytes(),
            "huge pages": HUGE_PAGES.get(huge_pages(), huge_pages()),
            "python": platform.python_version(),
        },
        "kernels": {
            "compiled": dispatch.isas(),
            "runnable": dispatch.runnable(),
            **{family: dispatch.chosen(family) for family in dispatch.families()},
        },
        "packages": {"edgerec": edgerec.__version__, **{p: _version(p) for p in PACKAGES}},
        "telemetry": {
            name: "off" if backend(name).silenced() else "on: the host imported it before edgerec"
            for name in BACKEND_NAMES
        },
        "extras": {
            name: "installed"
            if all(importlib.util.find_spec(module) for module in modules)
            else f'missing: pip install "edgerec[{name}]"'
            for name, modules in EXTRAS.items()
        },
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return f"missing: pip install {package}"


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    return ", ".join(value) if isinstance(value, tuple | list) else str(value)
