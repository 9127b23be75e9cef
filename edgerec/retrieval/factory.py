"""The factory strings that FAISS is trusted with: a small grammar of its large one.

FAISS answers many strings with an abort, a bare RuntimeError or an index of no use. Only what
matches here, and suits the rows and dimensions at hand, ever reaches it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from edgerec.errors import InvalidInput

__all__ = ["ALLOWED", "Factory"]

ALLOWED = (
    "[OPQ<m>[_<dim>],|RR,][IVF<lists>[_HNSW<links>],|HNSW<links>[,]]<codes>, where IVF{n} lets the "
    "rows decide the lists and <codes> is Flat, SQ4, SQ6, SQ8, SQfp16, SQbf16, PQ<m>, PQ<m>x4, "
    "PQ<m>x4fs, PQ<m>x4fsr (after IVF), RaBitQ or RaBitQfs; after HNSW: Flat or SQ…"
)
MAX_LISTS = 1 << 20
MAX_LINKS = 128
MAX_DIM = 4096
SCALARS = r"Flat|SQ4|SQ6|SQ8|SQfp16|SQbf16"
NUMBER = r"[1-9][0-9]{0,6}"
PATTERN = re.compile(
    rf"(?:(?P<rotation>RR)|OPQ(?P<opq>{NUMBER})(?:_(?P<reduced>{NUMBER}))?)?"
    rf"(?:(?:(?<=.),|(?<!.))(?:IVF(?P<lists>{NUMBER}|\{{n\}})(?:_HNSW(?P<coarse>{NUMBER}))?"
    rf"|HNSW(?P<links>{NUMBER})))?"
    rf"(?:(?:(?<=.)[,_]|(?<!.))(?P<codes>{SCALARS}|PQ{NUMBER}(?:x8|x4(?:fsr?)?)?|RaBitQ(?:fs)?))?",
    re.ASCII,
)
QUANTIZER = re.compile(r"PQ(?P<parts>\d+)(?:x(?P<bits>[48]))?(?P<fast>fsr?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Factory:
    """What an index in FAISS is made of.

    Parameters
    ----------
    codes : str
        How a row is kept, such as ``Flat``, ``SQ8``, ``PQ32x4fs``, ``RaBitQ``.
    lists : int, optional
        Inverted lists; 0 to let the rows decide, None for no lists.
    coarse : int, optional
        Links of a graph over the centroids of the lists.
    links : int, optional
        Links of a row in a graph over the rows; None for no graph.
    rotation : bool
        Turn the vectors at random first, as RaBitQ wants it.
    opq, reduced : int, optional
        Parts that a learnt rotation is optimised for, and the dimensions that it leaves.
    """

    codes: str
    lists: int | None = None
    coarse: int | None = None
    links: int | None = None
    rotation: bool = False
    opq: int | None = None
    reduced: int | None = None

    @classmethod
    def parse(cls, text: object) -> Factory:
        """Read a factory string.

        Raises
        ------
        InvalidInput
            It is not one of those allowed; the message says which are.
        """
        found = PATTERN.fullmatch(text) if isinstance(text, str) and len(text) <= 100 else None
        if found is None:
            raise InvalidInput(f"not a factory string that is allowed: {text!r}; wanted {ALLOWED}")
        lists, links, codes = found["lists"], found["links"], found["codes"]
        if codes is None and links is not None:
            codes = "Flat"
        if codes is None or ("_" + codes in found[0] and links is None):
            raise InvalidInput(f"{text!r} does not say how rows are kept; wanted {ALLOWED}")
        factory = cls(
            codes.replace("x8", ""),
            None if lists is None else 0 if lists == "{n}" else int(lists),
            _number(found["coarse"]),
            _number(links),
            found["rotation"] is not None,
            _number(found["opq"]),
            _number(found["reduced"]),
        )
        factory._check_limits()
        return factory

    def __str__(self) -> str:
        stages = []
        if self.rotation:
            stages.append("RR")
        if self.opq is not None:
            stages.append(f"OPQ{self.opq}" + (f"_{self.reduced}" if self.reduced else ""))
        if self.lists is not None:
            graph = f"_HNSW{self.coarse}" if self.coarse else ""
            stages.append(f"IVF{self.lists or '{n}'}{graph}")
        if self.links is not None:
            stages.append(f"HNSW{self.links}")
        return ",".join([*stages, self.codes])

    @property
    def parts(self) -> int:
        """Parts of a product quantiser, 0 without one."""
        found = QUANTIZER.fullmatch(self.codes)
        return int(found["parts"]) if found else 0

    @property
    def centroids(self) -> int:
        """Centroids of each part of a product quantiser, 0 without one."""
        found = QUANTIZER.fullmatch(self.codes)
        return 1 << int(found["bits"] or 8) if found else 0

    @property
    def lossy(self) -> bool:
        """Whether codes lose so much that more rows must be proposed than are decided among."""
        return bool(self.parts) or self.codes == "SQ4" or self.codes.startswith("RaBitQ")

    @property
    def selects(self) -> bool:
        """Whether FAISS skips rows that are not wanted; else they are dropped afterwards."""
        if self.lists is not None or self.links is not None:
            return True
        return not self.parts and self.codes != "RaBitQfs"

    def suiting(self, rows: int, dim: int) -> Factory:
        """Return this, with a number of lists, if it can index ``rows`` of ``dim`` dimensions.

        Raises
        ------
        InvalidInput
            More lists than rows, or a number of dimensions that does not fall into the parts.
        """
        if rows < 1:
            raise InvalidInput(f"{self} wants at least one row")
        factory = replace(self, lists=_suitable_lists(rows)) if self.lists == 0 else self
        if factory.lists is not None and factory.lists > rows:
            raise InvalidInput(f"{self} has {factory.lists} lists, which {rows} rows do not fill")
        left = dim
        if self.opq is not None:
            left = self.reduced or dim
            if left > dim or left % self.opq:
                raise InvalidInput(
                    f"OPQ{self.opq} wants a multiple of {self.opq} of at most {dim} dimensions, "
                    f"got {left}"
                )
        if self.parts and left % self.parts:
            raise InvalidInput(
                f"{self.codes} wants a multiple of {self.parts} dimensions, got {left}"
            )
        return factory

    def at_most(self, rows: int) -> Factory:
        """Return this with no more lists than ``rows``."""
        return replace(self, lists=min(self.lists, rows)) if self.lists else self

    def _check_limits(self) -> None:
        limits = {
            "lists": (self.lists, 0, MAX_LISTS),
            "links": (self.links, 2, MAX_LINKS),
            "links between lists": (self.coarse, 2, MAX_LINKS),
            "parts": (self.parts or None, 1, MAX_DIM),
            "parts of OPQ": (self.opq, 1, MAX_DIM),
            "dimensions": (self.reduced, 1, MAX_DIM),
        }
        for name, (value, least, most) in limits.items():
            if value is not None and not least <= value <= most:
                raise InvalidInput(f"{self}: {name} must lie in [{least}, {most}], got {value}")
        if self.codes.endswith("fsr") and self.lists is None:
            raise InvalidInput(f"{self.codes} keeps residuals: it wants IVF before it")
        if self.links is not None and (self.parts or self.codes.startswith("RaBitQ")):
            raise InvalidInput(f"{self}: a graph wants Flat or SQ…, got {self.codes}")


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def _suitable_lists(rows: int) -> int:
    """Return a power of two near four times the root."""
    return int(min(1 << max(0, round(4 * rows**0.5).bit_length() - 1), 1 << 16, rows))
