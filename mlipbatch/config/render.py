"""config.yaml: every value with the reason for it. It is itself an input file, which gives the identical configuration."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from mlipbatch.config.model import Config
from mlipbatch.config.partial import leaves, unit

HEADER = """\
# Written by mlipbatch from input.yaml: every value of the campaign, its unit, and the reason for it.
# It is a complete input file: `mlipbatch plan config.yaml` reads it.
"""
# words that some YAML reader takes for something else
_SPECIAL = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"}


def render_config_yaml(config: Config, reasons: Mapping[str, str]) -> str:
    """The text of config.yaml; `reasons` by dotted path, as `expand` gives them."""
    lines = [HEADER.rstrip()]
    sections: tuple[str, ...] = ()
    data = config.model_dump(mode="json")
    for path, info in leaves().items():
        *around, name = path.split(".")
        if tuple(around) != sections:
            lines += _headings(around, sections)
            sections = tuple(around)
        value: Any = data
        for part in path.split("."):
            value = value[part]
        comment = "; ".join(part for part in (unit(info), one_line(reasons.get(path, ""))) if part)
        lines.append(f"{'  ' * len(around)}{name}: {flow(value)}{f'  # {comment}' if comment else ''}")
    return "\n".join(lines) + "\n"


def _headings(around: list[str], before: tuple[str, ...]) -> list[str]:
    """Lines that open the sections `around`, as far as they are not open already; a blank line before each of the outermost."""
    shared = 0
    while shared < min(len(around), len(before)) and around[shared] == before[shared]:
        shared += 1
    lines = [""] if shared == 0 else []
    return lines + [f"{'  ' * depth}{around[depth]}:" for depth in range(shared, len(around))]


def one_line(text: str) -> str:
    """`text` as it may stand in a comment: printable, on one line."""
    return "".join(character if character.isprintable() else " " for character in text).strip()


def flow(value: Any) -> str:
    """A value in YAML's flow style, the same for readers of YAML 1.1 and 1.2."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    if isinstance(value, str):
        bare = re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", value) and value.lower() not in _SPECIAL
        return value if bare else json.dumps(value)
    if isinstance(value, float):
        mantissa, exponent, power = repr(value).partition("e")
        return f"{mantissa}{'' if '.' in mantissa else '.0'}{exponent}{power}"  # YAML 1.1 takes 1e-09 for text
    return json.dumps(value)
