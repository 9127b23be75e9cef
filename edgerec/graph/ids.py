"""How many rows the tables have that an id input reads."""

from __future__ import annotations

from edgerec.graph.editor import Editor, attribute

__all__ = ["table_rows"]

KEEPS_VALUES = {"Identity", "Cast", "Reshape", "Unsqueeze", "Squeeze", "Flatten", "Transpose"}


def table_rows(graph: bytes) -> dict[str, int]:
    """For each input that a ``Gather`` reads as row numbers: rows of the smallest such table.

    An id at or above this is refused by the engines, each in its own way.
    """
    editor = Editor(graph)
    found = {name: _smallest(editor, name) for name in editor.inputs}
    return {name: rows for name, rows in found.items() if rows is not None}


def _smallest(editor: Editor, tensor: str) -> int | None:
    rows: list[int] = []
    for node in editor.readers(tensor):
        if node.op_type in KEEPS_VALUES and node.input[0] == tensor:
            below = _smallest(editor, node.output[0])
            rows += [] if below is None else [below]
        elif node.op_type == "Gather" and node.input[1] == tensor:
            table = editor.constant(node.input[0])
            if table is not None:
                rows.append(table.shape[attribute(node, "axis", 0)])
    return min(rows, default=None)
