"""input.yaml, config.yaml, site configs: pydantic models, unknown keys refused, every field with its unit."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlipbatch.config.errors import InputError as InputError
    from mlipbatch.config.expansion import expand as expand
    from mlipbatch.config.expansion import need_pseudopotentials as need_pseudopotentials
    from mlipbatch.config.load import load_config as load_config
    from mlipbatch.config.load import load_expanded as load_expanded
    from mlipbatch.config.load import load_input as load_input
    from mlipbatch.config.load import render_input as render_input
    from mlipbatch.config.model import Config as Config
    from mlipbatch.config.render import render_config_yaml as render_config_yaml

# name -> module; loaded when first asked for, because `mlipbatch --help` needs the errors only, not pydantic
_HOMES = {
    "Config": "model",
    "InputError": "errors",
    "expand": "expansion",
    "load_config": "load",
    "load_expanded": "load",
    "load_input": "load",
    "need_pseudopotentials": "expansion",
    "render_config_yaml": "render",
    "render_input": "load",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(name)
    value = getattr(importlib.import_module(f"mlipbatch.config.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
