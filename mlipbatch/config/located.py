"""YAML through PyYAML's nodes: plain data, and the line and column where every key and value stands.

What a hand-written file may hold is kept small on purpose: one document, UTF-8, mappings with text keys, lists, text, numbers,
true and false. Scalars follow YAML 1.2 (`1e-3` is a number; `No` is nobelium, not false). All else is refused in one sentence.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mlipbatch.config.errors import InputError
from mlipbatch.config.text import dotted, shown
from mlipbatch.config.yaml_text import BOOL, FLOAT, INTEGER, LIST, MAP, MERGE, NULL, TEXT, compose, decode, read_bytes

MAX_VALUES = 20_000  # aliases of aliases grow without end; a real file has some hundred values
MAX_DEPTH = 20

Keys = tuple[str | int, ...]
Place = tuple[int, int]  # line, column; both count from 1


@dataclass
class Located:
    """Data of a file with the places of its keys and values; a path is a tuple of keys and list indices, () the whole file."""

    file: str
    data: dict[str, Any] = field(default_factory=dict)
    keys: dict[Keys, Place] = field(default_factory=dict)
    values: dict[Keys, Place] = field(default_factory=dict)

    def place(self, path: Keys, *, key: bool = False) -> Place:
        """Place of the value (or key) at `path`, or of the nearest thing around it that the file has."""
        table = self.keys if key else self.values
        if path in table:
            return table[path]
        for length in range(len(path), 0, -1):
            if path[:length] in self.keys:
                return self.keys[path[:length]]
        return (1, 1)

    def error(self, message: str, path: Keys = (), *, key: bool = False) -> InputError:
        """`message` as an InputError at the place of `path`."""
        line, column = self.place(path, key=key)
        return InputError(message, file=self.file, line=line, column=column)


def read_yaml(path: Path) -> Located:
    """Read and locate `path`; raises InputError for whatever is not one small YAML mapping."""
    return parse_yaml(read_bytes(path), str(path))


def parse_yaml(content: bytes, file: str) -> Located:
    """Locate the bytes of a file; `file` is its name in error sentences."""
    text = decode(content, file)
    node = compose(text, file)
    if not isinstance(node, yaml.MappingNode):
        wrong = "is empty" if node is None else "is a list or a single value"
        raise InputError(
            f"{wrong}: an input file has keys and values, such as `project_name: FeNi`", file=file, line=1, column=1
        )
    located = Located(file)
    located.data = _Converter(located).convert(node, ())
    return located


class _Converter:
    """Nodes to plain data; notes every place."""

    def __init__(self, located: Located) -> None:
        self.located = located
        self.count = 0

    def convert(self, node: yaml.Node, path: Keys) -> Any:
        self.located.values.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
        self.count += 1
        if self.count > MAX_VALUES or len(path) > MAX_DEPTH:
            raise self.located.error(
                "holds too many values, or aliases that refer to themselves: write the values out", path[:2]
            )
        if isinstance(node, yaml.MappingNode) and node.tag == MAP:
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == LIST:
            return [self.convert(item, (*path, index)) for index, item in enumerate(node.value)]
        return self.scalar(node, path)

    def mapping(self, node: yaml.MappingNode, path: Keys) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self.key(key_node)
            place = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if key in data:
                line, column = self.located.keys[(*path, key)]
                message = (
                    f"key {shown(dotted((*path, key)))} stands twice, first in line {line} column {column}: remove one"
                )
                raise InputError(message, file=self.located.file, line=place[0], column=place[1])
            self.located.keys[(*path, key)] = place
            data[key] = self.convert(value_node, (*path, key))
        return data

    def key(self, node: yaml.Node) -> str:
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        if node.tag == MERGE:
            message = "merge keys (<<) are not read here: write the values out"
        elif not isinstance(node, yaml.ScalarNode):
            message = "a key must be plain text, not a list or a section"
        elif node.tag not in (TEXT, INTEGER, FLOAT, BOOL, NULL) or not _is_text(node.value):
            message = "a key must be plain text"
        else:
            return str(node.value)
        raise InputError(message, file=self.located.file, line=line, column=column)

    def scalar(self, node: yaml.Node, path: Keys) -> Any:
        convert = _SCALARS.get(node.tag)
        if convert is None or not isinstance(node, yaml.ScalarNode):
            tag = shown(node.tag.replace("tag:yaml.org,2002:", "!!"))
            raise self.located.error(
                f"key {shown(dotted(path))} has the tag {tag}: tags are not read here, write the plain value", path
            )
        try:
            return convert(node.value)
        except ValueError as error:
            wanted = f"key {shown(dotted(path))} has the value {shown(node.value)}: write finite numbers or plain text"
            raise self.located.error(wanted, path) from error


def _is_text(value: str) -> bool:
    return not any(0xD800 <= ord(character) < 0xE000 for character in value)


def _text(value: str) -> str:
    if not _is_text(value):
        raise ValueError(value)
    return value


def _float(value: str) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def _int(value: str) -> int:
    number = int(value)
    if abs(number) >= 10**18:
        raise ValueError(value)
    return number


def _bool(value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise ValueError(value)
    return value.lower() == "true"


_SCALARS: dict[str, Callable[[str], Any]] = {
    TEXT: _text,
    INTEGER: _int,
    FLOAT: _float,
    BOOL: _bool,
    NULL: lambda _: None,
}
