"""The table of generators: each is one registered function that makes structures of the config_type it is named after."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mlipbatch.config.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

    from mlipbatch.structures.scope import Scope

Needs = Literal["config", "file"] | None
Make = Callable[["Scope"], Iterable["Atoms"]]


@dataclass(frozen=True)
class Generator:
    """One way of making structures.

    `from_config`, `from_file`: is it used when nobody names generators, for an input.yaml and for a structure file.
    `needs`: what it cannot do without, "config" (an input.yaml) or "file" (a structure file).
    """

    name: str
    make: Make
    from_config: bool
    from_file: bool
    needs: Needs

    @property
    def summary(self) -> str:
        """First line of its function's docstring."""
        return (self.make.__doc__ or "").strip().split("\n", 1)[0]


GENERATORS: dict[str, Generator] = {}
LACKING = {
    "config": "needs an input.yaml: a structure file does not say which compositions, sizes or walkers are wanted",
    "file": "needs a structure file: with an input.yaml, `sqs` makes the undistorted cells",
}


def generator(
    name: str, *, from_config: bool = True, from_file: bool = True, needs: Needs = None
) -> Callable[[Make], Make]:
    """Register the decorated function under `name`, which becomes the config_type of what it makes."""

    def register(make: Make) -> Make:
        GENERATORS[name] = Generator(name, make, from_config, from_file, needs)
        return make

    return register


def chosen(only: Sequence[str] | None, *, has_config: bool) -> list[Generator]:
    """The generators that `only` names, in its order, else the usual ones.

    Raises InputError for a name that no generator has, and for one that cannot work from what is there.
    """
    if only is None:
        return [one for one in GENERATORS.values() if (one.from_config if has_config else one.from_file)]
    for name in only:
        if name not in GENERATORS:
            raise InputError(f"no generator is called {name!r}; choose from {', '.join(GENERATORS)}")
        needs = GENERATORS[name].needs
        if needs is not None and needs != ("config" if has_config else "file"):
            raise InputError(f"generator {name!r} {LACKING[needs]}")
    if not only:
        raise InputError(f"no generator is named; choose from {', '.join(GENERATORS)}")
    return [GENERATORS[name] for name in dict.fromkeys(only)]
