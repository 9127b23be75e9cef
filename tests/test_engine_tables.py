"""Tables of items: their bytes by part, and their pages in this process and in others."""

from __future__ import annotations

import json
import mmap
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import edgerec
from edgerec.bundle.manifest import Manifest
from edgerec.bundle.part import Part
from edgerec.bundle.reader import Bundle, open_bundle
from edgerec.bundle.writer import BundleWriter
from edgerec.catalog.catalog import Catalog
from edgerec.catalog.items import Items
from edgerec.cli.main import main
from edgerec.engine.tables import PREFAULTS, bring_in, item_tables, memory_info
from edgerec.errors import BundleCorruptError, InvalidInput
from edgerec.machine.pages import held
from edgerec.retrieval.retriever import Retriever
from edgerec.retrieval.strategy import Target
from tests.strategies import bundles

TELLS = held({}) is not None  # whether this system says what is in memory
KNOWN = {
    "catalog/codes": "codes",
    "catalog/scales": "codes",
    "catalog/offsets": "codes",
    "catalog/vectors": "originals",
    "catalog/columns/0/values": "attributes",
    "catalog/columns/1/sets/offsets": "attributes",
    "catalog/ids/data": "ids",
    "catalog/ids/order": "ids",
    "catalog/alive": "alive",
    "retrieval/sketches/bits": "sketches",
    "retrieval/sketches/factors": "sketches",
    "retrieval/whatever/comes": "whatever",
}
HOT = {"codes", "alive", "sketches", "whatever"}


def manifest_of(sizes: Mapping[str, int], sections: Mapping[str, Any]) -> Manifest:
    parts = [
        Part(name, "x", f"{place:064x}", size) for place, (name, size) in enumerate(sizes.items())
    ]
    return Manifest(tuple(sorted(parts, key=lambda part: part.name)), sections)


@given(
    st.dictionaries(st.sampled_from(sorted(KNOWN)), st.integers(0, 10**9)),
    st.dictionaries(bundles.names().map("other/{}".format), st.integers(0, 10**9), max_size=3),
    st.integers(1, 10**7),
)
def test_every_part_of_the_items_is_counted_once(
    sizes: dict[str, int], others: dict[str, int], rows: int
) -> None:
    items = item_tables(manifest_of(sizes | others, {"catalog": {"rows": rows}}))
    assert items is not None
    wanted: dict[str, int] = {"originals": 0}
    for name, size in sizes.items():
        wanted[KNOWN[name]] = wanted.get(KNOWN[name], 0) + size
    assert {table.name: table.bytes for table in items.tables} == wanted
    assert {table.name for table in items.tables if table.hot} == HOT & set(wanted)
    assert items.bytes_an_item == pytest.approx(sum(sizes.values()) / rows, abs=0.006)
    hot = sum(size for name, size in sizes.items() if KNOWN[name] in HOT)
    assert items.hot_bytes_an_item == pytest.approx(hot / rows, abs=0.006)
    kept = next(table for table in items.tables if table.name == "originals")
    assert bool(kept.dtypes) is ("catalog/vectors" in sizes)
    assert json.loads(json.dumps(items.to_dict()))["tables"][0]["name"] == items.tables[0].name


def test_a_bundle_without_a_catalogue_has_no_items() -> None:
    assert item_tables(manifest_of({"models/x": 3}, {})) is None


@pytest.mark.parametrize("section", [5, {}, {"rows": 0}, {"rows": "3"}, {"rows": True}, None])
def test_a_catalogue_must_say_its_rows(section: Any) -> None:
    if section is None:
        assert item_tables(manifest_of({}, {"catalog": None})) is None
        return
    with pytest.raises(BundleCorruptError, match="rows"):
        item_tables(manifest_of({}, {"catalog": section}))


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20,000 items of 64 dimensions, with sketches."""
    path = tmp_path_factory.mktemp("tables") / "b"
    vectors = np.random.default_rng(0).standard_normal((20_000, 64)).astype(np.float32)
    items = Items(tuple(f"item {n}" for n in range(20_000)), {}, ())
    catalog = Catalog(items, vectors, originals="float16")
    with BundleWriter(path) as writer:
        retriever = Retriever.build(catalog, Target(k=5, recall=0.5, index="sketch"))
        retriever.catalog.write(writer)
        retriever.write(writer)
    return path


def test_hot_bytes_are_what_the_index_says_it_reads(tables: Path) -> None:
    with open_bundle(tables) as bundle:
        catalog = Catalog.read(bundle)
        now = catalog.snapshot()
        index = Retriever.read(bundle, catalog).index_for(now, now.eligible())
        items = item_tables(bundle.manifest)
    assert index.kind == "sketch"
    assert items is not None
    sizes = {table.name: table for table in items.tables}
    centre = 64 * 4
    assert sizes["codes"].bytes + sizes["sketches"].bytes == index.hot_bytes + centre
    assert sizes["originals"].dtypes == ("float16",)
    assert sizes["originals"].bytes_an_item == 128
    assert sizes["codes"].bytes_an_item == 68


def test_inspect_states_them(tables: Path, tmp_path: Path) -> None:
    text = CliRunner().invoke(main, ["inspect", str(tables)])
    assert text.exit_code == 0, text.output
    assert "20,000 items of" in text.output
    data = json.loads(CliRunner().invoke(main, ["inspect", str(tables), "--format", "json"]).stdout)
    found = {one["name"]: one for one in data["items"]["tables"]}
    assert found["codes"]["hot"]
    assert not found["originals"]["hot"]
    assert data["items"]["hot_bytes_an_item"] < data["items"]["bytes_an_item"]
    with BundleWriter(tmp_path / "b") as writer:
        items = Items(("a",), {}, ())
        Catalog(items, np.ones((1, 8), np.float32), originals="none").write(writer)
    assert "not kept" in CliRunner().invoke(main, ["inspect", str(tmp_path / "b")]).output


def drop(bundle: Bundle) -> None:
    """Take all tables of a bundle out of this process, not out of the system's memory."""
    for part in bundle.manifest.parts:
        if part.is_array and part.bytes:
            memory_of(bundle.array(part.name)).madvise(mmap.MADV_DONTNEED)


def memory_of(array: NDArray[Any]) -> mmap.mmap:
    base: Any = array
    while not isinstance(base, mmap.mmap):
        base = base.obj if isinstance(base, memoryview) else base.base
    return base


@pytest.mark.skipif(not TELLS, reason="the system does not say what is in memory")
@pytest.mark.parametrize("what", PREFAULTS)
def test_tables_that_are_brought_in_are_there(what: Any, tables: Path) -> None:
    with open_bundle(tables) as bundle:
        drop(bundle)
        bring_in(bundle, what)
        found = held({p.name: [bundle.array(p.name)] for p in bundle.manifest.parts if p.is_array})
        assert found is not None
        for part in bundle.manifest.parts:
            if not part.is_array:
                continue
            cold = part.name == "catalog/vectors" or part.name.startswith("catalog/ids")
            there = what == "all" or (what == "hot" and not cold)
            resident = found[part.name].resident_bytes
            assert resident == (found[part.name].bytes if there else 0), part.name


@pytest.mark.skipif(not TELLS, reason="the system does not say what is in memory")
def test_an_engine_has_its_tables_there_and_says_so(small_bundle: Path) -> None:
    with edgerec.open(small_bundle, prefault="all") as engine:
        drop(engine._bundle)
        assert engine.warm() is engine
        memory = engine.info()["memory"]
        assert memory["prefault"] == "all"
        assert memory["huge_pages"] in ("always", "madvise", "never", "unavailable")
        assert {"codes", "originals"} <= set(memory["tables"])
        assert {table["resident_share"] for table in memory["tables"].values()} == {1.0}
        json.dumps(memory)


FORKING = """
import os, sys
import edgerec
engine = edgerec.open(sys.argv[1], prefault="hot")
child = os.fork()
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
def shares():
    tables = engine.info()["memory"]["tables"]
    return [tables[name]["resident_share"] for name in ("codes", "originals")]
print(*shares())
engine.warm()
print(*shares(), flush=True)
"""


@pytest.mark.skipif(not TELLS or sys.platform != "linux", reason="asks Linux about its forks")
def test_the_child_of_a_fork_brings_them_in_when_it_warms_up(small_bundle: Path) -> None:
    command = [sys.executable, "-c", FORKING, str(small_bundle)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == ["0.0", "0.0", "1.0", "0.0"]


@pytest.mark.skipif(not TELLS, reason="the system does not say what is in memory")
def test_tables_of_later_rows_and_after_a_compaction_are_told_too(tables: Path) -> None:
    with open_bundle(tables) as bundle:
        catalog = Catalog.read(bundle)
        before = memory_info(bundle, catalog.snapshot(), "none")["tables"]
        assert set(before) == {"codes", "originals", "sketches"}
        catalog.upsert(Items(("new",), {}, ()), np.ones((1, 64), np.float32))
        later = memory_info(bundle, catalog.snapshot(), "none")["tables"]
        assert later["codes"]["bytes"] == before["codes"]["bytes"] + 68
        compacted = memory_info(bundle, catalog.compacted().snapshot(), "none")["tables"]
        assert set(compacted) == {"codes", "originals"}
        assert compacted["codes"]["bytes"] == 20_001 * 68


@pytest.mark.parametrize("wrong", [True, False, None, "codes", 1])
def test_there_are_three_ways_to_bring_tables_in(wrong: Any, small_bundle: Path) -> None:
    with pytest.raises(InvalidInput, match="none, hot, all"):
        edgerec.open(small_bundle, prefault=wrong)


OTHER = """
import sys
from edgerec.bundle.reader import open_bundle
with open_bundle(sys.argv[1]) as bundle:
    codes = bundle.array("catalog/codes")
    codes.max()
    print("ready", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.skipif(not TELLS, reason="the system does not say what is in memory")
def test_processes_that_open_one_bundle_share_its_pages(tables: Path) -> None:
    with open_bundle(tables) as bundle:
        codes = bundle.array("catalog/codes")
        codes.max()
        alone = proportional(codes)
        other = subprocess.Popen(
            [sys.executable, "-c", OTHER, str(tables)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        shared = proportional(codes)
        other.communicate("go on\n", timeout=60)
        assert other.returncode == 0
    assert alone >= codes.nbytes / 1024
    assert shared <= 0.51 * alone + 4


def proportional(array: NDArray[Any]) -> int:
    """KiB of an array's mapping, each page divided by the processes that have it mapped."""
    inside, size = False, 0
    for line in Path("/proc/self/smaps").read_text().splitlines():
        name, _, rest = line.partition(" ")
        if not name.endswith(":"):
            start, stop = (int(address, 16) for address in name.split("-"))
            inside = start <= array.ctypes.data < stop
        elif inside and name == "Pss:":
            size += int(rest.split()[0])
    return size
