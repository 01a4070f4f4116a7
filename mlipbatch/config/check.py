"""What can be wrong with a whole configuration although each value is right by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mlipbatch.config.check_code import check_calculator
from mlipbatch.config.check_material import check_composition
from mlipbatch.config.model import Config
from mlipbatch.config.text import dotted, nearest, shown
from mlipbatch.config.wrong import WrongValue

SLACK = 1e-6
SURROGATES = ("chgnet", "mace-mp-0")
# the smaller, the larger, and why
ORDERED = (
    ("training.zbl_inner", "training.zbl_outer", "ZBL fades between the two"),
    ("training.zbl_outer", "training.cutoff", "ZBL ends within the potential's cutoff"),
    ("exploration.gamma_low", "exploration.gamma_high", "candidates for DFT lie between the two"),
)
# keywords of pw.x and ABINIT that mlipbatch writes itself -> the key to set instead
OWN_KEYWORDS = {
    "ecutwfc": "dft.ecutwfc", "ecutrho": "dft.ecutrho", "degauss": "dft.degauss", "smearing": "dft.smearing",
    "nspin": "dft.nspin", "conv_thr": "dft.conv_thr", "mixing_beta": "dft.mixing_beta", "pseudo_dir": "dft.pseudo_dir",
    "electron_maxstep": "dft.electron_maxstep", "starting_magnetization": "dft.starting_magnetization",
    "calculation": None, "tprnfor": None, "tstress": None, "disk_io": None, "outdir": None, "prefix": None,
    "occupations": None, "scf_must_converge": None, "max_seconds": None, "restart_mode": None, "nat": None,
    "ntyp": None, "ibrav": None,
    "ecut": "dft.ecutwfc", "tsmear": "dft.degauss", "occopt": "dft.smearing", "nsppol": "dft.nspin", "toldfe": "dft.conv_thr",
    "spinat": "dft.starting_magnetization", "diemix": "dft.mixing_beta", "nstep": "dft.electron_maxstep",
    "pp_dirpath": "dft.pseudo_dir", "pseudos": "dft.pseudopotentials", "ngkpt": "dft.kpoints_spacing",
    **dict.fromkeys([
        "natom", "ntypat", "typat", "znucl", "acell", "rprim", "angdeg", "xred", "xcart", "ntime", "ionmov", "optcell",
        "ndtset", "optdriver", "optforces", "optstress", "kptopt", "kptrlatt", "charge", "cellcharge", "tolwfr", "tolvrs",
        "toldff", "tolrff",
    ]),
}  # fmt: skip
NAMELISTS = {"quantum_espresso": ("control", "system", "electrons"), "abinit": ("abinit",)}


def check_text(raw: Any, path: tuple[str | int, ...] = ()) -> None:
    """WrongValue for text with line breaks or control characters anywhere: it ends up in job scripts and inputs."""
    if isinstance(raw, str) and not raw.isprintable():
        raise WrongValue(
            path, f"key {shown(dotted(path))} is {shown(raw)}: line breaks and control characters are not allowed"
        )
    for key, value in _items(raw):
        if isinstance(key, str) and not key.isprintable():
            raise WrongValue(
                (*path, key),
                f"key {shown(dotted((*path, key)))} has line breaks or control characters: remove them",
                key=True,
            )
        check_text(value, (*path, key))


def _items(raw: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(raw, dict):
        yield from raw.items()
    elif isinstance(raw, list):
        yield from enumerate(raw)


def check_config(config: Config) -> None:
    """WrongValue for the first contradiction between values."""
    for smaller, larger, why in ORDERED:
        _check_order(config, smaller, larger, why)
    _check_generation(config)
    _check_surrogate(config.screening.model)
    _check_dft(config)
    check_calculator(config)
    _check_cores(config)
    _check_database(config.data.database)


def _value(config: Config, path: str) -> Any:
    value: Any = config
    for part in path.split("."):
        value = getattr(value, part)
    return value


def _check_order(config: Config, smaller: str, larger: str, why: str) -> None:
    low, high = _value(config, smaller), _value(config, larger)
    if low >= high:
        raise WrongValue(
            tuple(smaller.split(".")),
            f"{smaller!r} is {low:g} and {larger!r} is {high:g}: the first must be smaller, {why}",
        )


def _check_generation(config: Config) -> None:
    elements = config.target_system.elements
    for index, composition in enumerate(config.generation.compositions):
        check_composition(composition, elements, ("generation", "compositions", index))
    low, high = config.screening.volume_per_atom_factor
    if not 0 < low < 1 < high:
        message = (
            f"'screening.volume_per_atom_factor' is [{low:g}, {high:g}]: 1 (the lattice itself) lies between the two"
        )
        raise WrongValue(("screening", "volume_per_atom_factor"), message)


def _check_surrogate(model: str) -> None:
    if model in SURROGATES or re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", model):
        return
    guess = nearest(model, SURROGATES)
    tail = (
        f"did you mean {guess!r}?" if guess else f"write {', '.join(SURROGATES)}, or module:Class of an ASE calculator"
    )
    raise WrongValue(("screening", "model"), f"key 'screening.model' is {shown(model)}: {tail}")


def _check_dft(config: Config) -> None:
    dft, elements = config.dft, config.target_system.elements
    if dft.ecutrho < 4 * dft.ecutwfc * (1 - SLACK):
        message = (
            f"'dft.ecutrho' is {dft.ecutrho:g} Ry: it must be at least 4 times 'dft.ecutwfc', {4 * dft.ecutwfc:g} Ry"
        )
        raise WrongValue(("dft", "ecutrho"), message)
    _check_elements_of(dft.starting_magnetization, elements, "starting_magnetization")
    for symbol, share in dft.starting_magnetization.items():
        if abs(share) > 1:
            right = "a fraction of the valence electrons, from -1 to 1 (not Bohr magnetons)"
            message = f"'dft.starting_magnetization.{symbol}' is {share:g}: write {right}"
            raise WrongValue(("dft", "starting_magnetization", symbol), message)
    if dft.pseudopotentials:
        _check_pseudopotentials(dft.pseudopotentials, elements)
    _check_extra(dft.extra, NAMELISTS.get(config.resources.dft_code, ()))
    if not dft.command.strip():
        raise WrongValue(
            ("dft", "command"), "key 'dft.command' is empty: write the program, such as `mpirun -n 4 pw.x`"
        )


def _check_elements_of(table: dict[str, Any], elements: list[str], name: str) -> None:
    for symbol in table:
        if symbol not in elements:
            message = (
                f"{shown(symbol)} stands in 'dft.{name}' but not in 'target_system.elements' ({', '.join(elements)})"
            )
            raise WrongValue(("dft", name, symbol), message, key=True)


def _check_pseudopotentials(files: dict[str, str], elements: list[str]) -> None:
    _check_elements_of(files, elements, "pseudopotentials")
    lacking = [symbol for symbol in elements if symbol not in files]
    if lacking:
        raise WrongValue(("dft", "pseudopotentials"), f"'dft.pseudopotentials' has no file of {', '.join(lacking)}")
    for symbol, file in files.items():
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", file):
            right = "write the bare file name; its folder is 'dft.pseudo_dir'"
            message = f"'dft.pseudopotentials.{symbol}' is {shown(file)}: {right}"
            raise WrongValue(("dft", "pseudopotentials", symbol), message)


def _check_extra(extra: dict[str, dict[str, Any]], namelists: tuple[str, ...]) -> None:
    for namelist, keywords in extra.items():
        if namelist not in namelists:
            guess = nearest(namelist, namelists)
            tail = f"did you mean {guess!r}?" if guess else f"write {', '.join(namelists)}"
            raise WrongValue(
                ("dft", "extra", namelist), f"{shown(namelist)} is not a namelist of pw.x: {tail}", key=True
            )
        for keyword, value in keywords.items():
            _check_keyword(("dft", "extra", namelist, keyword), keyword, value)


def _check_keyword(path: tuple[str, ...], keyword: str, value: Any) -> None:
    bare = keyword.partition("(")[0].lower()
    if not re.fullmatch(r"[A-Za-z_]\w*(\([0-9, ]+\))?", keyword):
        raise WrongValue(path, f"{shown(keyword)} is not a keyword of pw.x: write a bare name, such as nosym", key=True)
    if bare in OWN_KEYWORDS:
        instead = OWN_KEYWORDS[bare]
        tail = f"set {instead!r} instead" if instead else "mlipbatch sets it itself, since labels depend on it"
        raise WrongValue(path, f"{bare!r} cannot be set in 'dft.extra': {tail}", key=True)
    if isinstance(value, str) and ("'" in value or '"' in value):
        raise WrongValue(
            path, f"'dft.extra' has the value {shown(value)}: quotes are added by mlipbatch, write bare text"
        )


def _check_cores(config: Config) -> None:
    cores = config.resources.parallel_cores
    for name in ("dft_cores", "work_cores"):
        asked = getattr(config.jobs, name)
        if asked > cores:
            raise WrongValue(
                ("jobs", name),
                f"'jobs.{name}' is {asked}, but 'resources.parallel_cores' is {cores}: such a job could never start",
            )


def _check_database(url: str) -> None:
    """The sentences never quote the address: it may hold a password."""
    path, right = ("data", "database"), "write postgresql://USER@HOST/DATABASE"
    if not url:
        return
    if not re.match(r"postgres(ql)?://", url):
        raise WrongValue(path, f"key 'data.database' is no address of a PostgreSQL database: {right}, or nothing")
    try:
        parts = urlsplit(url)
        options = parse_qs(parts.query, strict_parsing=bool(parts.query))
        secret = parts.password is not None or {"password", "sslpassword"} & set(options)
        _ = parts.port
    except ValueError:
        raise WrongValue(path, f"key 'data.database' cannot be read as an address: {right}") from None
    if secret:
        raise WrongValue(
            path, f"key 'data.database' holds a password: {right}, and put the password into ~/.pgpass or PGPASSWORD"
        )
