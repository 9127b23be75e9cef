"""What a person sees: tables on stdout, progress on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import click

__all__ = ["Bar", "echo_json", "table"]

WIDTH = 28


def echo_json(data: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(data, ensure_ascii=False, indent=2))


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: frozenset[int]) -> str:
    """Columns padded to their widest cell; the columns in ``right`` are aligned right."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(row: Sequence[str]) -> str:
        cells = (
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    rule = "  ".join("─" * width for width in widths)
    return "\n".join([line(header), rule, *(line(row) for row in rows)])


class Bar:
    """A progress bar on stderr that names the step it is at; a context manager.

    Where stderr is not a terminal each step is one line, so that logs stay readable.
    """

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._done = 0
        self._start = time.monotonic()
        self._live = sys.stderr.isatty()

    def __call__(self, text: str) -> None:
        """Begin the next step."""
        self._done = min(self._done + 1, self._steps)
        elapsed = time.monotonic() - self._start
        if self._live:
            full = round(WIDTH * self._done / self._steps)
            bar = "█" * full + "░" * (WIDTH - full)
            click.echo(f"\r\033[K{bar} {elapsed:4.0f} s  {text[:70]}", err=True, nl=False)
        else:
            click.echo(f"[{self._done:3d}/{self._steps}] {elapsed:5.1f} s  {text}", err=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the bar's line: full where all went well, as it stands where not."""
        if self._live:
            elapsed = time.monotonic() - self._start
            done = f"\r\033[K{'█' * WIDTH} {elapsed:4.0f} s  done" if kind is None else ""
            click.echo(done, err=True)
