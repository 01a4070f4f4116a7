"""Writes docs/input.md from the models in mlipbatch/config/model.py. `make docs` runs it; a test holds the page current."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mlipbatch.config.model import SAFE_NAME, Config
from mlipbatch.config.partial import REQUIRED

PAGE = Path(__file__).resolve().parent.parent / "docs" / "input.md"
HEAD = """\
# input.yaml, key by key

<!-- written by `make docs` from mlipbatch/config/model.py; edit the descriptions there -->

An input needs the sections marked *required*. Every other key is derived from them, and may be set in the same file: what you
write wins. `mlipbatch plan input.yaml` shows all values with the reason for each, and writes nothing; the project's
`config.yaml` keeps them. `mlipbatch init` writes a first input. Unknown keys, duplicate keys and values outside the limits
are refused with `FILE:LINE:COLUMN`, before anything is made.
"""
LIMITS = (("exclusiveMinimum", ">"), ("minimum", ">="), ("exclusiveMaximum", "<"), ("maximum", "<="))
WORDS = {"string": "text", "boolean": "true or false", "integer": "integer", "number": "number", "null": "nothing"}


def page() -> str:
    """The whole page."""
    schema = Config.model_json_schema()
    definitions = schema["$defs"]
    sections = {name: _resolved(field, definitions) for name, field in schema["properties"].items()}
    top = {name: field for name, field in sections.items() if "properties" not in field}
    parts = [HEAD, "## At the top level\n\n" + _table(top, "", definitions, required=True)]
    parts += [
        _section(name, field, definitions, required=name in REQUIRED)
        for name, field in sections.items()
        if name not in top
    ]
    return "\n".join(parts)


def _section(name: str, schema: dict[str, Any], definitions: dict[str, Any], *, required: bool) -> str:
    heading = f"## `{name}`" + (" (required)" if required else "")
    return f"{heading}\n\n{_plain(schema['description'])}\n\n" + _table(schema["properties"], "", definitions)


def _plain(description: str) -> str:
    """A model's docstring for people who have not read the code: without the stage's letter and the specification's number."""
    return re.sub(r"^[A-E]: (\w)", lambda found: found[1].upper(), re.sub(r" \(SPEC \d+\)", "", description))


def _table(fields: dict[str, Any], prefix: str, definitions: dict[str, Any], *, required: bool = False) -> str:
    rows = ["| key | unit | value | meaning |", "|---|---|---|---|"]
    rows += [
        row for name, field in fields.items() for row in _rows(name, field, prefix, definitions, required=required)
    ]
    return "\n".join(rows) + "\n"


def _rows(name: str, field: dict[str, Any], prefix: str, definitions: dict[str, Any], *, required: bool) -> list[str]:
    resolved = _resolved(field, definitions)
    if "properties" in resolved:
        inner = resolved["properties"].items()
        return [row for key, value in inner for row in _rows(key, value, f"{name}.", definitions, required=False)]
    mark = " (required)" if required and name in REQUIRED else ""
    value = _value(resolved, definitions)
    return [f"| `{prefix}{name}`{mark} | {resolved.get('unit', '')} | {value} | {resolved['description']} |"]


def _resolved(field: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    reference = field.get("$ref")
    return {**definitions[reference.rsplit("/", 1)[1]], **field} if reference else field


def _value(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """What may be written, in words."""
    schema = _resolved(schema, definitions)
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{choice}`" for choice in schema.get("enum", [schema.get("const")]))
    if "anyOf" in schema:
        return " or ".join(_value(choice, definitions) for choice in schema["anyOf"])
    if "type" not in schema:
        return "any value"
    if schema["type"] == "array":
        items = schema.get("items") or schema["prefixItems"][0]
        return f"{_count(schema)} {_value(items, definitions)}"
    if schema["type"] == "object":
        inner = schema.get("additionalProperties") or next(iter(schema["patternProperties"].values()))
        return f"mapping to {_value(inner, definitions)}"
    limits = " and ".join(f"{sign} {schema[key]:.12g}" for key, sign in LIMITS if key in schema)
    return " ".join(part for part in (WORDS[schema["type"]], limits, _pattern(schema)) if part)


def _count(schema: dict[str, Any]) -> str:
    if "prefixItems" in schema:
        return f"list of {len(schema['prefixItems'])}:"
    return "list, not empty, of:" if schema.get("minItems") else "list of:"


def _pattern(schema: dict[str, Any]) -> str:
    return "of letters, digits, `.`, `_` and `-`, at most 64 of them" if schema.get("pattern") == SAFE_NAME else ""


if __name__ == "__main__":
    PAGE.write_text(page())
