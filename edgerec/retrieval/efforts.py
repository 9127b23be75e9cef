"""One index at several efforts: less far than it was measured to go, and further."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from edgerec.retrieval.faiss_index import FaissIndex
from edgerec.retrieval.index import MAX_FOUND, Index, shortlist_size
from edgerec.retrieval.lists import ListIndex, Probing
from edgerec.retrieval.sketch import SketchIndex

__all__ = ["efforts"]

TIMES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


def efforts(index: Index, k: int) -> Iterator[tuple[str, Index]]:
    """Yield what to call it and the index, for each effort from little to much.

    Parameters
    ----------
    index : Index
        The one that was chosen, which is among them unless searches for more than ``k`` are asked.
        The exact scan has one effort.
    k : int
        A shortlist is never shorter than a search for ``k`` wants.
    """
    if isinstance(index, SketchIndex):
        for shortlist in dict.fromkeys(_scaled(index.shortlist, times, k) for times in TIMES):
            yield f"a shortlist of {shortlist}", replace(index, shortlist=shortlist)
    elif isinstance(index, ListIndex):
        for probing in dict.fromkeys(_further(index.probing, times, k) for times in TIMES):
            yield probing.words, replace(index, probing=probing)
    elif isinstance(index, FaissIndex):
        most = index.faiss.most_effort()
        for effort in dict.fromkeys(max(1, min(round(index.effort * t), most)) for t in TIMES):
            further = replace(index, effort=effort)
            yield further.words, further
    else:
        yield "", index


def _further(probing: Probing, times: float, k: int) -> Probing:
    if times == 1:
        return probing
    return replace(
        probing,
        rows=max(round(probing.rows * times), shortlist_size(k)),
        groups=max(1, round(probing.groups * times)),
        shortlist=probing.shortlist and _scaled(probing.shortlist, times, k),
    )


def _scaled(shortlist: int, times: float, k: int) -> int:
    if times == 1:
        return shortlist
    return min(max(round(shortlist * times), shortlist_size(k)), MAX_FOUND)
