"""SPEC 2's example, and a table of pseudopotentials that is there on every machine."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

MINIMAL: dict[str, Any] = {
    "project_name": "FeNi_Alloy_Diffusion",
    "target_system": {"elements": ["Fe", "Ni"], "composition": {"Fe": 0.7, "Ni": 0.3}, "crystal_structure": "fcc"},
    "simulation_goal": {"type": "melt_quench", "temperature_range": [300, 1500]},
    "resources": {"dft_code": "quantum_espresso", "parallel_cores": 64, "gpu_enabled": True},
}

HEADS = {"US": 'pseudo_type="US"\nis_ultrasoft="true"', "NC": 'pseudo_type="NC"\nis_ultrasoft="false"'}


def upf(folder: Path, name: str, kind: str = "US", valence: float = 8.0) -> str:
    """A file that begins as a pseudopotential does; enough for the configuration, not for pw.x."""
    (folder / name).write_text(f'<UPF version="2.0.1">\n<PP_HEADER\n{HEADS[kind]}\nz_valence="{valence:.6e}"\n/>\n')
    return name


def table(folder: Path) -> Path:
    """A table of Fe (90/1080 Ry) and Ni (45/360 Ry) in `folder`, as SSSP efficiency recommends."""
    upf(folder, "Fe.UPF", valence=16)
    upf(folder, "Ni.UPF", valence=10)
    path = folder / "mine.yaml"
    path.write_text(
        "folder: .\nfunctional: PBE\nsource: made for a test\nelements:\n"
        "  Fe: {file: Fe.UPF, ecutwfc: 90, ecutrho: 1080}\n  Ni: {file: Ni.UPF, ecutwfc: 45, ecutrho: 360}\n"
    )
    return path


def minimal(**sections: Any) -> dict[str, Any]:
    """SPEC 2's example with further sections, or with other values in its own."""
    raw = copy.deepcopy(MINIMAL)
    for name, values in sections.items():
        raw[name] = {**raw.get(name, {}), **values} if isinstance(values, dict) else values
    return raw
