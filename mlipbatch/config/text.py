"""Words of error sentences: values as they are shown, paths, did-you-mean."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

SHOWN = 60


def shown(value: Any) -> str:
    """`value` as a sentence quotes it: on one line, printable, not too long."""
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 4]}...{text[-1]}"


def dotted(path: Iterable[str | int]) -> str:
    """('dft', 'extra', 0) -> 'dft.extra[0]'."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def nearest(word: str, words: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The one of `words` that `word` was probably meant to be, whatever its case, dashes and spaces."""

    def plain(text: str) -> str:
        return text.lower().replace("-", "_").replace(" ", "_")

    table = {plain(known): known for known in words}
    found = difflib.get_close_matches(plain(word), table, n=1, cutoff=cutoff)
    return table[found[0]] if found else None


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """The question in brackets, with a space before it; or nothing."""
    guess = nearest(word, words)
    return f" (did you mean {guess!r}?)" if guess is not None else ""
