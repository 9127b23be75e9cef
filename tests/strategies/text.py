"""Texts that try a tokeniser: any Unicode, awkward white space, words of a shop, slips."""

from __future__ import annotations

import string

from hypothesis import strategies as st

__all__ = ["texts", "typed", "words"]

TRYING = ("ß", "ﬁ", "Å", "ͅ", "İ", "K", "ſ", "㌀", "½", "_", "-", " ", " ", "​", "\n", "日本", "😀")


def words() -> st.SearchStrategy[str]:
    """Lower-case words of ASCII letters and digits."""
    return st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=12)


def texts() -> st.SearchStrategy[str]:
    """Whatever may stand in a title: any characters but surrogates, some of them trying."""
    anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
    trying = st.lists(st.sampled_from(TRYING) | words(), max_size=8).map("".join)
    return anything | trying | typed()


def typed() -> st.SearchStrategy[str]:
    """A few plain words."""
    return st.lists(words(), max_size=6).map(" ".join)
