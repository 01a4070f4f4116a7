"""YAML through PyYAML's nodes: plain data, and the line and column where every key and value stands.

What a hand-written file may hold is kept small on purpose: one document, UTF-8, mappings with text keys, lists, text, numbers,
true and false. Scalars follow YAML 1.2 (`1e-3` is a number; `No` is nobelium, not false). All else is refused in one sentence.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mlipbatch.config.errors import InputError
from mlipbatch.config.text import dotted, shown

MAX_BYTES = 256 * 1024
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


class _Loader(yaml.SafeLoader):
    """SafeLoader that resolves scalars as YAML 1.2 does."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  filled below


_INTEGER, _FLOAT, _BOOL, _NULL, _MERGE, _TEXT, _LIST, _MAP = (
    f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null", "merge", "str", "seq", "map")
)
for _tag, _pattern, _first in (
    (_BOOL, r"true|True|TRUE|false|False|FALSE", "tTfF"),
    (_INTEGER, r"[-+]?[0-9]+", "-+0123456789"),
    (
        _FLOAT,
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+0123456789.",
    ),
    (_NULL, r"~|null|Null|NULL|", ("~", "n", "N", "")),
    (_MERGE, r"<<", "<"),
):
    _Loader.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$"), list(_first))


def read_yaml(path: Path) -> Located:
    """Read and locate `path`; raises InputError for whatever is not one small YAML mapping."""
    return parse_yaml(_read_bytes(path), str(path))


def parse_yaml(content: bytes, file: str) -> Located:
    """Locate the bytes of a file; `file` is its name in error sentences."""
    text = _decode(content, file)
    node = _compose(text, file)
    if not isinstance(node, yaml.MappingNode):
        wrong = "it is empty" if node is None else "it is a list or a single value"
        raise InputError(
            f"{wrong}: an input file has keys and values, such as `project_name: FeNi`", file=file, line=1, column=1
        )
    located = Located(file)
    located.data = _Converter(located).convert(node, ())
    return located


def _read_bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise InputError("is a folder: name the YAML file in it", file=str(path))
        with path.open("rb") as handle:
            content = handle.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=str(path)) from error
    except ValueError as error:  # a NUL byte in the name
        raise InputError(f"cannot be read: {error}", file=shown(str(path))) from error
    if len(content) > MAX_BYTES:
        raise InputError(
            f"is larger than {MAX_BYTES // 1024} kB: that is not an input file (these have a few kB)", file=str(path)
        )
    return content


def _decode(content: bytes, file: str) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError("is encoded as UTF-16: save it as UTF-8", file=file, line=1, column=1)
    if b"\0" in content:
        line, column = _place_of(content[: content.index(b"\0")].decode("latin-1"))
        raise InputError(
            "holds a NUL byte: it is a binary file or UTF-16; save it as UTF-8 text",
            file=file,
            line=line,
            column=column,
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _place_of(content[: error.start].decode("utf-8-sig", errors="replace"))
        byte = content[error.start]
        raise InputError(
            f"byte 0x{byte:02x} is not UTF-8 (Latin-1 perhaps): save the file as UTF-8",
            file=file,
            line=line,
            column=column,
        ) from error


def _place_of(before: str) -> Place:
    lines = re.split(r"\r\n|\r|\n", before)
    return len(lines), len(lines[-1]) + 1


# what PyYAML says -> what a scientist wants to read; the first that matches
_SENTENCES = (
    (r"found character '\\t'", "a tab stands here: YAML is indented with spaces only"),
    (r"expected a single document", "a second YAML document begins here (`---`): one file holds one input"),
    (r"found undefined alias", "this alias (*name) has no anchor (&name); text that begins with * needs quotes"),
    (r"found duplicate anchor", "this anchor (&name) stands twice in the file"),
    (r"mapping values are not allowed here", "a `:` too many here, or wrong indentation: one `key: value` a line"),
    (r"could not find expected ':'", "a `:` is missing after a key: write `key: value`"),
    (r"expected ',' or ']'", "a `,` or the closing `]` of a list is missing"),
    (r"expected ',' or '\}'", "a `,` or the closing `}` is missing"),
    (r"expected <block end>", "wrong indentation: keys of one section begin in the same column"),
    (r"unexpected end of stream", "a quote is opened and never closed"),
    (r"found unexpected ':'", "a `:` too many: text with a colon needs quotes"),
    (r"cannot start any token", "this character cannot begin a value: put the text in quotes"),
)


def _compose(text: str, file: str) -> yaml.Node | None:
    loader = None
    try:
        loader = _Loader(text)
        return loader.get_single_node()
    except yaml.reader.ReaderError as error:
        line, column = _place_of(text[: error.position])
        raise InputError(
            f"character {error.character!r} does not belong in a text file: remove it",
            file=file,
            line=line,
            column=column,
        ) from error
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, file) from error
    except RecursionError as error:
        raise InputError(f"is nested more than {MAX_DEPTH} deep: that is not an input file", file=file) from error
    except (ValueError, OverflowError) as error:  # "\UFFFFFFFF"
        raise InputError("holds an escape that names no character: write the character itself", file=file) from error
    finally:
        if loader is not None:
            loader.dispose()


def _syntax_error(error: yaml.MarkedYAMLError, file: str) -> InputError:
    said = " ".join(part for part in (error.problem, error.context) if part)
    sentence = next((ours for pattern, ours in _SENTENCES if re.search(pattern, said)), f"is not YAML: {said}")
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
    return InputError(sentence, file=file, line=line, column=column)


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
        if isinstance(node, yaml.MappingNode) and node.tag == _MAP:
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _LIST:
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
        if node.tag == _MERGE:
            message = "merge keys (<<) are not read here: write the values out"
        elif not isinstance(node, yaml.ScalarNode):
            message = "a key must be plain text, not a list or a section"
        elif node.tag not in (_TEXT, _INTEGER, _FLOAT, _BOOL, _NULL) or not _is_text(node.value):
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


_SCALARS = {_TEXT: _text, _INTEGER: _int, _FLOAT: _float, _BOOL: _bool, _NULL: lambda _: None}
