"""The one error that a user's wrong input becomes."""

from __future__ import annotations


class InputError(Exception):
    """Wrong use or wrong input: one clear sentence, exit code 2, nothing written.

    ``str(error)`` is that sentence, prefixed with ``FILE:LINE:COLUMN: `` as far as these are known; line and
    column count from 1.
    """

    def __init__(
        self, message: str, *, file: str | None = None, line: int | None = None, column: int | None = None
    ) -> None:
        self.message = message
        self.file = file
        self.line = line
        self.column = column
        place = ":".join(str(part) for part in (file, line, column) if part is not None)
        super().__init__(f"{place}: {message}" if place else message)
