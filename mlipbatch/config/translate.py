"""pydantic's complaints as one sentence: the key, the value, what would be right."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from mlipbatch.config.model import Config
from mlipbatch.config.partial import is_section, leaves, unit
from mlipbatch.config.text import dotted, nearest, shown
from mlipbatch.config.wrong import WrongValue

Keys = tuple[str | int, ...]


def wrong_values(error: ValidationError) -> list[WrongValue]:
    """One WrongValue for each complaint: unknown keys first (a typo explains a missing key), missing ones last."""
    ordered = sorted(error.errors(include_url=False), key=lambda item: _ORDER.get(item["type"], 1))
    return [
        _wrong_value(item["type"], item["loc"], item["input"], item.get("ctx", {}), item["msg"]) for item in ordered
    ]


_ORDER = {"extra_forbidden": 0, "missing": 2}


def _wrong_value(kind: str, path: Keys, value: Any, context: dict[str, Any], message: str) -> WrongValue:
    if kind == "extra_forbidden":
        return WrongValue(path, f"key {shown(dotted(path))} is not known{_where_instead(path)}", key=True)
    if kind == "missing":
        return WrongValue(path, f"key {dotted(path)!r} is missing: {_meaning(path)}", key=True)
    if path and path[-1] == "project_name" and kind == "string_pattern_mismatch":
        return WrongValue(path, f"key 'project_name' is {shown(value)}: {_NAME_RULE}")
    sentence = _WANTED.get(kind)
    wanted = sentence(path, value, context) if sentence else message[:1].lower() + message[1:]
    return WrongValue(path, f"key {dotted(path)!r} is {_told(value)}: {wanted}{hint(path, value)}")


_NAME_RULE = (
    "it names a folder and jobs, so write letters, digits, '.', '_' and '-' only, "
    "64 at most, beginning with a letter or digit"
)


def _told(value: Any) -> str:
    return "empty" if value is None else shown(value)


def _model_at(path: Keys) -> Any:
    """The model (section) that `path` leads into, or None."""
    model: Any = Config
    for part in path:
        info = model.model_fields.get(part) if isinstance(part, str) else None
        if info is None or not is_section(info.annotation):
            return None
        model = info.annotation
    return model


def _field(path: Keys) -> FieldInfo | None:
    """The field that the value at `path` belongs to; items of lists and dicts belong to their field."""
    for length in range(len(path), 0, -1):
        info = leaves().get(".".join(str(part) for part in path[:length]))
        if info is not None:
            return info
    return None


def _meaning(path: Keys) -> str:
    info = _field(path)
    if info is not None:
        return f"{info.description}{_in_unit(info)}"
    model = _model_at(path)
    return f"a section with {_listed(model.model_fields)}" if model is not None else "it has to be given"


def _in_unit(info: FieldInfo | None) -> str:
    return f" ({unit(info)})" if info is not None and unit(info) else ""


def _listed(names: Any) -> str:
    return ", ".join(names)


def _where_instead(path: Keys) -> str:
    """Did-you-mean in the same section, else the section that has such a key, else what the section knows."""
    name = str(path[-1])
    model = _model_at(path[:-1])
    known = list(model.model_fields) if model is not None else []
    guess = nearest(name, known)
    if guess is not None:
        return f": did you mean {guess!r}?"
    elsewhere = [leaf for leaf in leaves() if leaf.rsplit(".", 1)[-1] == name]
    if elsewhere:
        return f" here: it belongs to {elsewhere[0].rpartition('.')[0] or 'the top level'!r}"
    place = f"{dotted(path[:-1])!r} has" if len(path) > 1 else "there are"
    return f": {place} {_listed(known)}"


def _number(path: Keys, _value: Any, _context: dict[str, Any]) -> str:
    return f"write a number{_in_unit(_field(path))}"


def _whole(path: Keys, _value: Any, _context: dict[str, Any]) -> str:
    return f"write a whole number{_in_unit(_field(path))}"


def _limit(word: str, name: str) -> Callable[[Keys, Any, dict[str, Any]], str]:
    return lambda path, _value, context: f"it must be {word} {context[name]:g}{_in_unit(_field(path))}"


def _choice(_path: Keys, value: Any, context: dict[str, Any]) -> str:
    allowed = re.findall(r"'([^']*)'", str(context["expected"])) or [str(context["expected"])]
    guess = nearest(value, allowed) if isinstance(value, str) else None
    return f"did you mean {guess!r}?" if guess else f"write {' or '.join(allowed)}"


def _length(word: str) -> Callable[[Keys, Any, dict[str, Any]], str]:
    def sentence(path: Keys, _value: Any, context: dict[str, Any]) -> str:
        bound = context.get("min_length", context.get("max_length"))
        return f"write {bound} {word} ({_meaning(path)})"

    return sentence


def _list(path: Keys, _value: Any, _context: dict[str, Any]) -> str:
    return f"write a list in brackets, such as [a, b] ({_meaning(path)})"


def _section(path: Keys, _value: Any, _context: dict[str, Any]) -> str:
    model = _model_at(path)
    inner = f" ({_listed(model.model_fields)})" if model is not None else f" ({_meaning(path)})"
    return f"write keys and values{inner}"


# pydantic's error type -> what would be right
_WANTED: dict[str, Callable[[Keys, Any, dict[str, Any]], str]] = {
    "float_type": _number, "float_parsing": _number, "finite_number": _number,
    "int_type": _whole, "int_parsing": _whole, "int_from_float": _whole,
    "bool_type": lambda *_: "write true or false, without quotes",
    "bool_parsing": lambda *_: "write true or false, without quotes",
    "string_type": lambda path, *_: f"write text, in quotes ({_meaning(path)})",
    "list_type": _list, "tuple_type": _list,
    "dict_type": _section, "model_type": _section, "model_attributes_type": _section,
    "literal_error": _choice, "enum": _choice,
    "greater_than": _limit("greater than", "gt"), "greater_than_equal": _limit("at least", "ge"),
    "less_than": _limit("less than", "lt"), "less_than_equal": _limit("at most", "le"),
    "too_short": _length("or more"), "too_long": _length("and no more"),
}  # fmt: skip


def hint(path: Keys, value: Any) -> str:
    """What the value looks like, if that tells what went wrong: a unit written out, Celsius, a comma for a point."""
    info = _field(path)
    wanted = unit(info) if info is not None else ""
    if isinstance(value, str):
        match = re.fullmatch(r"\s*([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*([^\W\d_][\w/^-]*|%|°\s*\w)?\s*", value)
        if match and match[2]:
            return f"; the unit is known{f' to be {wanted}' if wanted else ''}, write the bare number"
        if match:
            return f"; without quotes: {match[1]}"
        if re.fullmatch(r"\s*[-+]?\d+,\d+\s*", value):
            return "; decimals are written with a point"
        if re.fullmatch(r"\s*[-+]?\d[\d_]*\s*", value):
            return "; digits without underscores"
    if wanted == "K" and isinstance(value, int | float) and not isinstance(value, bool) and value <= 0:
        return f"; in kelvin {value:g} C would be {value + 273.15:g}"
    return ""
