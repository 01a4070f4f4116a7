"""The text of a YAML file, as a tree of PyYAML's nodes; each way to be unreadable in one sentence."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from mlipbatch.config.errors import InputError
from mlipbatch.config.text import shown

MAX_BYTES = 256 * 1024


class _Loader(yaml.SafeLoader):
    """SafeLoader that resolves scalars as YAML 1.2 does."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  filled below


INTEGER, FLOAT, BOOL, NULL, MERGE, TEXT, LIST, MAP = (
    f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null", "merge", "str", "seq", "map")
)
for _tag, _pattern, _first in (
    (BOOL, r"true|True|TRUE|false|False|FALSE", "tTfF"),
    (INTEGER, r"[-+]?[0-9]+", "-+0123456789"),
    (
        FLOAT,
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+0123456789.",
    ),
    (NULL, r"~|null|Null|NULL|", ("~", "n", "N", "")),
    (MERGE, r"<<", "<"),
):
    _Loader.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$"), list(_first))


def read_bytes(path: Path) -> bytes:
    """Content of a file that may be an input file. InputError if it is not there, not readable, or far too large."""
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


def decode(content: bytes, file: str) -> str:
    """UTF-8 (with or without a byte order mark) to text; InputError with the place of the first byte that is not."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError("is encoded as UTF-16: save it as UTF-8", file=file, line=1, column=1)
    if b"\0" in content:
        raise _at(
            content[: content.index(b"\0")].decode("latin-1"),
            "holds a NUL byte: it is a binary file or UTF-16; save it as UTF-8 text",
            file,
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _at(
            content[: error.start].decode("utf-8-sig", errors="replace"),
            f"byte 0x{content[error.start]:02x} is not UTF-8 (Latin-1 perhaps): save the file as UTF-8",
            file,
        ) from error


def _at(before: str, message: str, file: str) -> InputError:
    """`message` at the place that comes after the text `before`."""
    lines = re.split(r"\r\n|\r|\n", before)
    return InputError(message, file=file, line=len(lines), column=len(lines[-1]) + 1)


# what PyYAML says -> what a scientist wants to read, and whether the place where it began tells more; the first that matches
_SENTENCES = (
    (r"found character '\\t'", "a tab stands here: YAML is indented with spaces only", False),
    (r"expected a single document", "a second YAML document begins here (`---`): one file holds one input", False),
    (r"found undefined alias", "this alias (*name) has no anchor (&name): text that begins with * needs quotes", False),
    (r"found duplicate anchor", "this anchor (&name) stands twice in the file: remove one", False),
    (r"mapping values are not allowed", "a `:` too many here, or wrong indentation: one `key: value` a line", False),
    (r"could not find expected ':'", "a `:` is missing after a key: write `key: value`", False),
    (r"expected ',' or ']'", "the list that begins here lacks a `,` or its closing `]`", True),
    (r"expected ',' or '\}'", "the braces that open here lack a `,` or their closing `}`", True),
    (r"expected <block end>", "wrong indentation: keys of one section begin in the same column", False),
    (r"quoted scalar", "the quote that opens here is never closed, or holds what no quote may", True),
    (r"cannot start any token", "this character cannot begin a value: put the text in quotes", False),
)


def compose(text: str, file: str) -> yaml.Node | None:
    """The one document's root node, None if there is none; InputError with the place where it is not YAML."""
    loader = None
    try:
        loader = _Loader(text)
        return loader.get_single_node()
    except yaml.reader.ReaderError as error:
        raise _at(
            text[: error.position], f"character U+{error.character:04X} does not belong in a text file: remove it", file
        ) from error
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, file) from error
    except RecursionError as error:
        raise InputError("is nested far too deeply: an input file has sections and values", file=file) from error
    except (ValueError, OverflowError) as error:  # "\UFFFFFFFF"
        line = loader.line + 1 if loader is not None else None
        raise InputError("an escape names no character: write the character itself", file=file, line=line) from error
    finally:
        if loader is not None:
            loader.dispose()


def _syntax_error(error: yaml.MarkedYAMLError, file: str) -> InputError:
    said = " ".join(part for part in (error.problem, error.context) if part)
    table = ((ours, begin) for pattern, ours, begin in _SENTENCES if re.search(pattern, said))
    sentence, from_begin = next(table, (f"is not YAML: {said}", False))
    mark = (error.context_mark if from_begin else None) or error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
    return InputError(sentence, file=file, line=line, column=column)
