"""A figure says ``ok`` or ``short``, and the exit status follows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import figures
from bench.figures import Figure, report


@pytest.mark.parametrize(
    ("value", "relation", "wanted", "reached"),
    [
        (2.0, ">=", 2.0, True),
        (1.9, ">=", 2.0, False),
        (1.9, "<=", 2.0, True),
        (0.0, "==", 0.0, True),
        (1.0, "==", 0.0, False),
        (float("nan"), ">=", 0.0, False),
        (float("nan"), ">=", None, True),
    ],
)
def test_a_figure_is_reached_or_not(
    value: float, relation: figures.Relation, wanted: float | None, reached: bool
) -> None:
    figure = Figure("it", value, "ms", relation, wanted)
    assert figure.reached == reached
    if wanted is not None:
        assert figure.line.split()[0] == ("ok" if reached else "short")
    assert "it: " in figure.line


@pytest.mark.parametrize(("value", "status"), [(3.0, 0), (1.0, 1)])
def test_the_report_says_where_its_numbers_come_from(
    value: float,
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(figures, "RESULTS", tmp_path / "results")
    given = [Figure("speed", value, "x", wanted=2.0), Figure("aside", 1.0)]
    assert report("made_up", given, seed=3, details={"more": [1]}) == status
    assert len(capsys.readouterr().out.splitlines()) == 2
    written = json.loads((tmp_path / "results" / "made_up.json").read_text())
    assert [figure["reached"] for figure in written["figures"]] == [not status, True]
    assert written["seed"] == 3
    assert written["more"] == [1]
    assert {"cpu", "isas", "versions", "commit", "command", "date"} <= written.keys()
    assert written["versions"]["numpy"]
