"""What an input file may hold: `Config` with everything optional but the sections that only its user knows."""

from __future__ import annotations

import json
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError, create_model
from pydantic.fields import FieldInfo

from mlipbatch.config.model import Config, Model

REQUIRED = ("project_name", "target_system", "simulation_goal", "resources")


@cache
def input_model() -> type[Model]:
    """`Config` with `REQUIRED` as they are and every other key, at any depth, optional."""
    fields: dict[str, Any] = {}
    for name, info in Config.model_fields.items():
        fields[name] = (info.annotation, info) if name in REQUIRED else _optional(info)
    return create_model("Input", __base__=Model, **fields)


def _optional(info: FieldInfo) -> Any:
    annotation: Any = info.annotation
    if is_section(annotation):
        parts: dict[str, Any] = {name: _optional(inner) for name, inner in annotation.model_fields.items()}
        return (create_model(f"Partial{annotation.__name__}", __base__=Model, **parts), None)
    kept: Any = Field(default=None, description=info.description, json_schema_extra=info.json_schema_extra)
    for limit in info.metadata:
        annotation = Annotated[annotation, limit]
    return (annotation, kept)


def is_section(annotation: Any) -> bool:
    """Is this type one of our models (and not a value)?"""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def mistakes(raw: dict[str, Any]) -> ValidationError | None:
    """pydantic's complaints about an input file's data, or None. Strict: '300' is no number, 1 is not true."""
    try:
        input_model().model_validate_json(json.dumps(raw), strict=True)
    except ValidationError as error:
        return error
    return None


@cache
def leaves() -> dict[str, FieldInfo]:
    """Every value of `Config` by its dotted path, in order: 'training.weights.energy' -> its field."""
    return dict(_leaves(Config, ""))


def _leaves(model: type[BaseModel], prefix: str) -> list[tuple[str, FieldInfo]]:
    found: list[tuple[str, FieldInfo]] = []
    for name, info in model.model_fields.items():
        annotation: Any = info.annotation
        if is_section(annotation):
            found += _leaves(annotation, f"{prefix}{name}.")
        else:
            found.append((f"{prefix}{name}", info))
    return found


def unit(info: FieldInfo) -> str:
    """Unit of a field, '' for a pure number or text."""
    extra = info.json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""
