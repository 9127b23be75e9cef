"""A recipe and its data are read strictly, and a build leaves all of its outputs or none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgerec
from edgerec.bundle.reader import open_bundle
from edgerec.errors import EdgerecError, OutputExists, RecipeError
from edgerec.evaluation.example_files import load_examples
from edgerec.graph.metadata import read_signature
from edgerec.recipe.builder import build, build_steps
from edgerec.recipe.data import read_shop_data
from edgerec.recipe.recipe import read_recipe
from edgerec.recipe.tables import Table
from edgerec.values.plan import Precision

Records = list[dict[str, Any]]
TOWERS = ("item_tower", "user_tower", "query_tower")


def change(recipe: Path, tmp_path: Path, old: str, new: str) -> Path:
    home = tmp_path / "shop"
    home.mkdir()
    text = recipe.read_text()
    assert old in text
    (home / recipe.name).write_text(text.replace(old, new, 1))
    return home / recipe.name


def with_data(
    recipe: Path, tmp_path: Path, name: str, edit: Callable[[Records], Records] | str
) -> Path:
    """A copy of the shop with one of its files changed."""
    home = tmp_path / "shop"
    shutil.copytree(recipe.parent, home)
    path = home / "data" / name
    if isinstance(edit, str):
        path.write_text(edit)
    else:
        records = edit([json.loads(line) for line in path.read_text().splitlines()])
        path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return home / recipe.name


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "small"', "", "'name' is missing"),
        ('name = "small"', "name = 5", "name wants text, got 5"),
        ('name = "small"', 'name = ""', "name is text"),
        ("holdout = 0.3", "holdout = 1.5", r"\[data\]: holdout"),
        ("holdout = 0.3", "holdout = true", r"\[data\]: holdout wants a number"),
        ("holdout = 0.3", "hold_out = 0.3", "hold_out"),
        ("holdout = 0.3", "judged = 1", r"\[data\]: judged must be at least 2"),
        ("holdout = 0.3", "judged = 100.0", r"\[data\]: judged wants an integer"),
        ('items = "data/items.jsonl"', "items = 5", r"\[data\]: items wants text"),
        ('items = "data/items.jsonl"', "", "'items' is missing"),
        ("[budget]", "[bugdet]", "bugdet"),
        ("[data]", "[dada]", "dada"),
        ("[data]", "[data", "TOML"),
        ("margin = 0.2", "margin = 2.0", r"\[budget\]: budget.margin"),
        ("margin = 0.2", "margins = 0.2", r"\[budget\]: unknown key margins"),
        ("margin = 0.2", 'metric = "ndcg@²"', "unknown metric"),
        ("margin = 0.2", "threads = true", r"\[budget\]: threads wants an integer"),
        ("candidates = 50", "candidates = 0", r"\[answers\]: candidates"),
        ("candidates = 50", 'candidates = "50"', r"\[answers\]: candidates wants an integer"),
        ("candidates = 50", "candidate = 50", r"\[answers\]: unknown key candidate"),
        ("exclude_history = true", "exclude_history = 1", "exclude_history wants true or false"),
        ("exclude_history = true", "popularity = 1", "popularity wants text"),
        ("[answers]", "[retrieval]\ndepth = 9\n[answers]", r"\[retrieval\]: unknown key depth"),
        ("[answers]", "[retrieval]\nrecall = 0\n[answers]", r"\[retrieval\]: recall is a share"),
        (
            "[answers]",
            '[retrieval]\noriginals = "bfloat16"\n[answers]',
            r"\[retrieval\]: originals is one of float32, float16, none, got 'bfloat16'",
        ),
        (
            "[answers]",
            "[retrieval]\noriginals = false\n[answers]",
            r"\[retrieval\]: originals wants text, got False",
        ),
        ('name = "small"', 'name = "small"\nretrieval = 5', r"\[retrieval\] is a table, got 5"),
        ('precisions = ["int8"]', 'precisions = ["int9"]', r"\[compile.ranker\]: .*int9"),
        ('precisions = ["int8"]', "precisions = [8]", "precisions wants a list .* text"),
        ('precisions = ["int8"]', 'precision = ["int8"]', "unknown key precision"),
        ("keeps = [1.0, 0.5]", "keeps = 0.5", "keeps wants a list"),
        ("keeps = [1.0, 0.5]", 'keeps = ["half"]', "keeps wants a list"),
        ("keeps = [1.0, 0.5]", "keeps = [true]", "keeps wants a list"),
        ("keeps = [1.0, 0.5]", "keeps = [0.0]", r"\[compile.ranker\]: keeps are shares"),
        ("keeps = [1.0, 0.5]", 'backends = ["tensorrt"]', "tensorrt"),
        ("[compile.ranker]", "[compile.rank]", r"\[compile\]: unknown key rank"),
        ("buckets = 256", "buckets = 2", "buckets"),
        ("buckets = 256", 'buckets = "256"', r"\[features.text\]: buckets wants an integer"),
        ("dim = 16", "dim = 16.0", r"\[features\]: dim wants an integer"),
        ("dim = 16", "dims = 16", r"\[features\]: unknown key dims"),
        ('dense = ["price", "popularity"]', 'dense = "price"', "dense wants a list"),
        ("[features.text]", "[features.txt]", "unknown key txt"),
    ],
)
def test_a_wrong_recipe_is_refused_with_its_place(
    small_shop: Path, tmp_path: Path, old: str, new: str, words: str
) -> None:
    path = change(small_shop, tmp_path, old, new)
    with pytest.raises(RecipeError, match=words) as refused:
        read_recipe(path)
    assert str(refused.value).startswith(f"{path}")


def test_a_missing_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot read"):
        read_recipe(tmp_path / "none.toml")
    (tmp_path / "deep.toml").write_text("a = " + "[" * 10_000)
    with pytest.raises(RecipeError, match="not TOML"):
        read_recipe(tmp_path / "deep.toml")


def test_what_is_left_out_has_a_default(small_shop: Path) -> None:
    recipe = read_recipe(small_shop)
    assert recipe.spaces["ranker"].precisions == (Precision.INT8,)
    assert recipe.spaces["user_tower"].precisions is None
    assert recipe.spaces["user_tower"].keeps == (1.0, 0.5)
    assert recipe.judged > 1000
    assert recipe.recall == 0.99
    assert recipe.originals == "float32"


def reads_or_names_the_table(read: Callable[[Table], object], value: Any) -> bool:
    try:
        read(Table(value, "[x]"))
    except RecipeError as error:
        return "[x" in str(error)
    return True


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "text"]), inner)
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(junk)
def test_any_table_is_read_or_refused_with_a_typed_error(value: Any) -> None:
    reads: list[Callable[[Table], object]] = [
        lambda table: table.only(("a",)),
        lambda table: table.table("a").text("b"),
        lambda table: table.split("text"),
        lambda table: table.integer("a", 3, least=2),
        lambda table: table.share("a", 0.5),
        lambda table: table.choice("a", ("b", "c"), "c"),
        lambda table: table.listed("a", float, None),
    ]
    for read in reads:
        assert reads_or_names_the_table(read, value)


@pytest.mark.parametrize(
    ("name", "edit", "words"),
    [
        ("items.jsonl", "", "holds no items"),
        ("items.jsonl", "{nonsense}\n", r"items.jsonl:1"),
        ("items.jsonl", '{"id": "a"}\n[1]\n', r"items.jsonl:2: wanted a JSON object"),
        ("items.jsonl", '{"id": ' + "9" * 5000 + "}\n", r"items.jsonl:1"),
        ("items.jsonl", "[" * 100_000 + "\n", r"items.jsonl:1"),
        ("items.jsonl", lambda r: [{**r[0], "price": -1.0}], "'sku-0': price"),
        ("items.jsonl", lambda r: [*r[:9], {**r[9], "popularity": 1e39}], "'sku-9': popularity"),
        ("items.jsonl", lambda r: [{**r[0], "price": float("nan")}], "'sku-0': price"),
        ("items.jsonl", lambda r: [{**r[0], "id": "\ud800"}], "UTF-8"),
        ("items.jsonl", lambda r: [{**r[0], "id": ["a"]}], "id must be a str"),
        ("items.jsonl", lambda r: [{**x, "title": 5} for x in r], r"lack title \(text\)"),
        ("items.jsonl", lambda r: [{**x, "price": "5"} for x in r], r"lack price \(number\)"),
        ("visits.jsonl", "", "leaves nothing on one side"),
        ("visits.jsonl", '{"user": "u", "time": 1, "clicked": "sku-1"}\n', r"visits.jsonl:1"),
        ("visits.jsonl", lambda r: [{**v, "query": None} for v in r], "typed a query"),
        ("visits.jsonl", lambda r: [{**v, "query": "oak bed"} for v in r], "browsed"),
        ("visits.jsonl", lambda r: [{**v, "query": "?!"} for v in r], "browsed"),
        (
            "visits.jsonl",
            lambda r: [{**v, "clicked": ["gone"], "purchased": []} for v in r],
            "only 0 visits",
        ),
        ("visits.jsonl", lambda r: [{**v, "user": f"u{i}"} for i, v in enumerate(r)], "browsed"),
        ("visits.jsonl", lambda r: [*r, {**r[-1], "user": "\ud800"}], "UTF-8"),
    ],
)
def test_data_that_cannot_be_used_leaves_nothing_behind(
    small_shop: Path,
    tmp_path: Path,
    name: str,
    edit: Callable[[Records], Records] | str,
    words: str,
) -> None:
    recipe = with_data(small_shop, tmp_path, name, edit)
    with pytest.raises(RecipeError, match=words):
        build(read_recipe(recipe), tmp_path / "x.bundle", examples=tmp_path / "examples")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shop"]


def test_a_shop_may_keep_the_codes_of_its_vectors_alone(small_shop: Path, tmp_path: Path) -> None:
    home, out = tmp_path / "shop", tmp_path / "codes.bundle"
    shutil.copytree(small_shop.parent, home)
    recipe = home / small_shop.name
    text = recipe.read_text().replace("[answers]", '[retrieval]\noriginals = "none"\n[answers]')
    recipe.write_text(text + "".join(f"[compile.{name}]\nprecisions = []\n" for name in TOWERS))
    build(read_recipe(recipe), out)
    with open_bundle(out) as bundle:
        assert "catalog/vectors" not in bundle.names()
        assert "catalog/codes" in bundle.names()
    with edgerec.open(out) as engine:
        engine.verify()
        first = engine.items(["sku-0"])[0]
        engine.upsert([{**first, "id": "twin"}])
        assert "twin" in engine.similar("sku-0", k=60).ids


def test_data_is_read_once_and_divided_by_time(small_shop: Path) -> None:
    data = read_shop_data(read_recipe(small_shop), lambda _text: None)
    judged = [arrival.visit.time_ns for arrival in data.judged]
    calibrating = [arrival.visit.time_ns for arrival in data.calibrating]
    assert judged == sorted(judged)
    assert max(calibrating) < min(judged)
    kinds = {arrival.visit.query is None for arrival in data.calibrating}
    assert kinds == {True, False}
    assert len(judged) == 120


def test_popularity_is_counted_where_an_item_does_not_bring_it(
    small_shop: Path, tmp_path: Path
) -> None:
    def edit(records: Records) -> Records:
        return [{k: v for k, v in r.items() if k != "popularity"} for r in records[:-1]] + [
            {**records[-1], "popularity": 5000}
        ]

    recipe = read_recipe(with_data(small_shop, tmp_path, "items.jsonl", edit))
    items = read_shop_data(recipe, lambda _text: None).items
    lines = (small_shop.parent / "data" / "visits.jsonl").read_text().splitlines()
    clicks = [item for line in lines[:280] for item in json.loads(line)["clicked"]]
    for place in (0, 1, 2):
        assert items.columns["popularity"][place] == clicks.count(f"sku-{place}")
    assert items.columns["popularity"][-1] == 5000


def test_an_existing_bundle_is_not_replaced_unasked(small_shop: Path, small_bundle: Path) -> None:
    with pytest.raises(OutputExists):
        build(read_recipe(small_shop), small_bundle)


def test_examples_come_with_the_bundle_and_replace_nothing_unasked(
    small_shop: Path, small_bundle: Path, tmp_path: Path
) -> None:
    """A build that succeeds writes both; one that would replace a file does no work at all."""
    written = small_bundle.parent / "examples"
    names = ["item_tower", "query_tower", "ranker", "user_tower"]
    assert sorted(path.stem for path in written.iterdir()) == names
    for name in names:
        signature = read_signature((small_shop.parent / "models" / f"{name}.onnx").read_bytes())
        assert signature is not None
        assert load_examples(written / f"{name}.npz", signature).requests
    mine = tmp_path / "examples" / "ranker.npz"
    mine.parent.mkdir()
    mine.write_text("mine")
    said: list[str] = []
    with pytest.raises(OutputExists, match=r"ranker\.npz exists"):
        build(read_recipe(small_shop), tmp_path / "b", examples=mine.parent, progress=said.append)
    assert said == []
    assert mine.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["examples"]


def test_a_build_says_its_steps_and_keeps_what_it_measured(
    small_shop: Path, tmp_path: Path
) -> None:
    recipe = read_recipe(small_shop)
    said: list[str] = []
    built = build(recipe, tmp_path / "b", progress=said.append)
    assert len(said) <= build_steps(recipe)
    assert built.version == open_bundle(tmp_path / "b").version
    for plan in built.plans.values():
        for trial in (plan.original, plan.chosen):
            assert trial.measured is not None
            assert trial.measured.confirmed


def test_a_build_that_fails_late_leaves_nothing(small_shop: Path, tmp_path: Path) -> None:
    recipe = change(small_shop, tmp_path, "margin = 0.2", "margin = 0.2\nsize_bytes = 10")
    for name in ("data", "models"):
        shutil.copytree(small_shop.parent / name, recipe.parent / name)
    with pytest.raises(EdgerecError, match="size_bytes"):
        build(read_recipe(recipe), tmp_path / "x.bundle", examples=tmp_path / "examples")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shop"]
