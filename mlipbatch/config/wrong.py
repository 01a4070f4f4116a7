"""A wrong value, known by its path until the file's places are attached."""

from __future__ import annotations

from mlipbatch.config.errors import InputError


class WrongValue(InputError):
    """An InputError about the value (or key) at `path`, a tuple of keys and list indices."""

    def __init__(self, path: tuple[str | int, ...], message: str, *, key: bool = False) -> None:
        self.path = path
        self.key = key
        super().__init__(message)
