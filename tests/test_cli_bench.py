"""``edgerec bench index``: figures on stdout and in a file, curves as SVG and as a page."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from edgerec.cli.curve_plot import as_html, as_svg
from edgerec.cli.main import main
from edgerec.engine.indexing import build_index
from edgerec.retrieval.curves import Comparison, Curve, Point

SVG = "{http://www.w3.org/2000/svg}"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bench") / "i"
    build_index(np.random.default_rng(0).standard_normal((500, 16)).astype(np.float32), path)
    return path


class Tags(HTMLParser):
    """Every start tag, and whether each that was opened was closed."""

    EMPTY = ("meta", "rect", "line", "path", "circle")

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.links += [str(value) for name, value in attrs if name in ("src", "href")]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.EMPTY:
            assert self.open.pop() == tag


def test_figures_go_to_stdout_and_into_files(index: Path, tmp_path: Path) -> None:
    options = ["-k", 5, "--against", "faiss", "--out", tmp_path / "c.json"]
    done = run("bench", "index", index, *options, "--plot", tmp_path / "c.svg")
    assert done.exit_code == 0, done.output
    assert "edgerec exact" in done.stdout
    assert "timing in turns" in done.stderr
    said = json.loads((tmp_path / "c.json").read_text())
    names = [curve["name"] for curve in said["curves"]]
    assert names == ["edgerec exact", "faiss-hnsw", "faiss-ivf"]
    assert (said["rows"], said["k"], said["threads"], said["left_out"]) == (500, 5, 1, {})
    assert {"edgerec", "numpy"} <= set(said["packages"])
    drawing = ET.parse(tmp_path / "c.svg").getroot()
    words = [text.text for text in drawing.iter(f"{SVG}text")]
    assert set(names) <= set(words)
    again = run("bench", "index", index, *options)
    assert again.exit_code == 2
    assert "--force" in again.stderr
    queries = tmp_path / "q.npy"
    np.save(queries, np.ones((3, 16), np.float32))
    more = ["--against", "", "--format", "json", "--queries", queries, "--force"]
    page = run("bench", "index", index, *more, "--plot", tmp_path / "c.html")
    assert page.exit_code == 0, page.output
    assert json.loads(page.stdout)["queries"] == 3
    assert "<table>" in (tmp_path / "c.html").read_text()


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--against", "none"], 2, "no peer"),
        (["-k", "0"], 2, "k must"),
        (["--plot", "c.png"], 2, ".svg or .html"),
        (["--plot", "none/c.svg"], 2, "no directory"),
        (["--out", "."], 2, "it is a directory"),
        (["--out", "c.svg", "--plot", "./c.svg"], 2, "two files"),
        (["--seed", "-1"], 2, "--seed"),
        (["--queries", "none.npy"], 2, "No such file"),
    ],
)
def test_what_cannot_be_measured_is_a_typed_error(
    options: list[str], code: int, says: str, index: Path, tmp_path: Path
) -> None:
    done = CliRunner().invoke(main, ["bench", "index", str(index), "--against", "", *options])
    assert (done.exit_code, says in done.stderr) == (code, True), done.stderr


def test_a_bundle_that_is_not_there_is_a_typed_error(tmp_path: Path) -> None:
    assert run("bench", "index", tmp_path / "none", "--against", "").exit_code == 3
    assert "edgerec bench index" in run("bench", "index", "--help").output


points = st.builds(
    Point,
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8),
    st.floats(0, 1),
    st.floats(0, 1e8),
    st.floats(0, 1e9),
)
curves = st.builds(Curve, st.sampled_from(["<a>", "b&c", 'd"e']), st.lists(points, min_size=1))


@given(first=st.floats(0.9, 1), us=st.floats(0.01, 1e7), others=st.lists(curves, max_size=9))
@settings(max_examples=60, deadline=None)
def test_every_comparison_can_be_drawn(first: float, us: float, others: list[Curve]) -> None:
    exact = Curve("edgerec exact", (Point("", first, us, us),))
    found = Comparison(10, 4, "l2", 3, 7, (exact, *others), {"<slow>": "limit & time"})
    root = ET.fromstring(as_svg(found))
    dots = [dot for group in root.iter(f"{SVG}g") for dot in group.iter(f"{SVG}circle")]
    shown = sum(p.recall >= 0.7 for curve in found.curves for p in curve.points)
    assert len(dots) == shown + len(found.curves)  # and one each in the legend
    for dot in dots:
        assert 0 <= float(dot.attrib["cx"]) <= 880
        assert 0 <= float(dot.attrib["cy"]) <= 520
    tags = Tags()
    tags.feed(as_html(found))
    tags.close()
    assert (tags.open, tags.links) == ([], [])
    assert tags.seen.count("tr") == 1 + sum(len(curve.points) for curve in found.curves)
    assert "&lt;slow&gt;" in as_html(found)
