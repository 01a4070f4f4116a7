"""A configuration in the making: values that the user gave, and rules for the others, resolved when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mlipbatch.config.table_file import Table

Rule = Callable[["Draft"], tuple[Any, str]]


class Draft:
    """Values by dotted path; `draft["training.cutoff"]` is the given value, or the derived one with its reason noted."""

    def __init__(
        self, given: Mapping[str, Any], rules: Mapping[str, Rule], *, find_table: Callable[[Draft], Table | None]
    ) -> None:
        self.given = dict(given)
        self.reasons: dict[str, str] = dict.fromkeys(self.given, "given")
        self._rules = rules
        self._derived: dict[str, Any] = {}
        self._find_table = find_table
        self._table: list[Table | None] = []

    def __getitem__(self, path: str) -> Any:
        if path in self.given:
            return self.given[path]
        if path not in self._derived:
            self._derived[path], self.reasons[path] = self._rules[path](self)
        return self._derived[path]

    @property
    def elements(self) -> list[str]:
        """Chemical symbols of the material."""
        return list(self["target_system.elements"])

    @property
    def composition(self) -> dict[str, float]:
        """Atomic fraction of each element at the target."""
        return dict(self["target_system.composition"])

    @property
    def goal(self) -> str:
        """Kind of simulation that the potential is for."""
        return str(self["simulation_goal.type"])

    @property
    def cores(self) -> int:
        """Cores that the campaign may use at a time."""
        return int(self["resources.parallel_cores"])

    @property
    def table(self) -> Table | None:
        """Pseudopotentials and cutoffs, looked up once; None where there are none on this machine."""
        if not self._table:
            self._table.append(self._find_table(self))
        return self._table[0]


def constant(value: Any, reason: str) -> Rule:
    """A rule that does not look at anything."""
    return lambda _draft: (value, reason)
