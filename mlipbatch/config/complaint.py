"""pydantic's complaint about a small file of ours (a site) as one sentence: the key, the value, what would be right."""

from __future__ import annotations

import re
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from mlipbatch.config.partial import is_section, unit
from mlipbatch.config.text import did_you_mean, dotted, nearest, shown
from mlipbatch.config.wrong import WrongValue

Keys = tuple[str | int, ...]
FIRST = {"extra_forbidden": 0, "missing": 2}  # a typo explains a missing key


def complaint(error: ValidationError, model: type[BaseModel]) -> WrongValue:
    """The complaint that explains most, about data that should have been a `model`."""
    item = min(error.errors(include_url=False), key=lambda one: FIRST.get(one["type"], 1))
    path: Keys = tuple(part for part in item["loc"] if part != "[key]")
    section, field = _place(path, model)
    if item["type"] == "extra_forbidden":
        known = list(section.model_fields) if section else []
        tail = did_you_mean(str(path[-1]), known) or f": there are {', '.join(known)}"
        return WrongValue(path, f"key {shown(dotted(path))} is not known{tail}", key=True)
    meaning = f"{field.description}{f' ({unit(field)})' if unit(field) else ''}" if field else "it has to be given"
    if item["type"] == "missing":
        return WrongValue(path, f"key {dotted(path)!r} is missing: {meaning}", key=True)
    if "[key]" in item["loc"]:
        return WrongValue(path, f"key {dotted(path)!r}: write a plain name as the key ({meaning})", key=True)
    return WrongValue(path, f"key {dotted(path)!r} is {shown(item['input'])}: {_wanted(item)} ({meaning})")


def _wanted(item: Any) -> str:
    if item["type"] == "literal_error":
        allowed = re.findall(r"'([^']*)'", str(item["ctx"]["expected"]))
        guess = nearest(item["input"], allowed) if isinstance(item["input"], str) else None
        return f"did you mean {guess!r}?" if guess else f"write {' or '.join(allowed)}"
    if item["type"] == "string_pattern_mismatch":
        return "it has characters that are not allowed there"
    message = str(item["msg"])
    return message[:1].lower() + message[1:]


def _place(path: Keys, model: type[BaseModel]) -> tuple[type[BaseModel] | None, FieldInfo | None]:
    """The section that the last key of `path` stands in, and the field that its value belongs to."""
    section: type[BaseModel] | None = model
    around, field = section, None
    for part in path:
        if isinstance(part, str) and section is not None:
            around, field = section, section.model_fields.get(part)
            section = _inner(field)
    return around, field


def _inner(field: FieldInfo | None) -> type[BaseModel] | None:
    """The model of a section, or of a list's items."""
    if field is None:
        return None
    kinds: list[Any] = [field.annotation, *get_args(field.annotation)]
    return next((kind for kind in kinds if is_section(kind)), None)
