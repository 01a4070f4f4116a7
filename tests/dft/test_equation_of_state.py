"""Energy against volume from labels, as a campaign makes them, beside published lattice constants and bulk moduli in LDA.

Published: all-electron (WIEN2k), LDA. Lattice constants of P. Haas, F. Tran, P. Blaha, Phys. Rev. B 79, 085104 (2009), table I
(the erratum, Phys. Rev. B 79, 209902, changes neither); bulk moduli of the same calculations by F. Tran, as older releases of
ASE had them in ase/test/tasks/htb.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import typer
from ase import Atoms
from ase.build import bulk
from ase.io import read, write
from ase.units import GPa
from typer.testing import CliRunner

from mlipbatch.cli.label import label
from mlipbatch.core import frames
from mlipbatch.properties.eos import fit_birch_murnaghan, lattice_constant

pytestmark = pytest.mark.engines

PUBLISHED = {"Si": ("diamond", 5.407, 96.4), "Al": ("fcc", 3.983, 84.3)}  # A, GPa
SCALES = np.cbrt(np.linspace(0.9, 1.1, 9))  # of the lattice constant
INPUT = """\
project_name: curves
target_system:
  elements: [Al, Si]
  composition: {Al: 0.5, Si: 0.5}
  crystal_structure: fcc
simulation_goal: {type: elastic, temperature_range: [300, 600]}
resources: {dft_code: quantum_espresso, parallel_cores: 2, gpu_enabled: false}
dft:
  pseudo_dir: /usr/share/espresso/pseudo
  pseudopotentials: {Al: Al.pz-vbc.UPF, Si: Si.pz-vbc.UPF}
  ecutwfc: 30
  kpoints_spacing: 0.2
  degauss: 0.02
"""


def test_lattice_constant_and_bulk_modulus_are_those_of_lda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLIPBATCH_LOCAL_POOL", str(tmp_path))
    Path("input.yaml").write_text(INPUT)
    structures = []
    for symbol, (crystal, a, _) in PUBLISHED.items():
        for number, scale in enumerate(SCALES):
            atoms = bulk(symbol, crystal, a * scale)
            name = {frames.NAME: f"{symbol}-{number}", frames.ROOT: symbol, frames.CONFIG_TYPE: frames.EOS_REFERENCE}
            atoms.info |= name
            structures.append(atoms)
    write("in.extxyz", structures)
    app = typer.Typer()
    app.command()(label)
    words = ["in.extxyz", "--config", "input.yaml", "-o", "out.extxyz", "--site", "local"]
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    labelled = read("out.extxyz", ":")
    for symbol, (crystal, a, bulk_modulus) in PUBLISHED.items():
        curve = [atoms for atoms in labelled if atoms.info[frames.ROOT] == symbol]
        assert len(curve) == len(SCALES)
        assert len({atoms.info["dft_kpoints"] for atoms in curve}) == 1  # another mesh would make a step
        volumes = [atoms.get_volume() / len(atoms) for atoms in curve]
        fit = fit_birch_murnaghan(volumes, [atoms.info["REF_energy"] / len(atoms) for atoms in curve])
        found = lattice_constant(fit.volume, curve[0], crystal)
        print(
            f"\n{symbol}: {found:.4f} A, {fit.bulk_modulus:.1f} GPa, B' {fit.derivative:.2f}, rms {1000 * fit.rms:.3f} meV"
        )
        assert found == pytest.approx(a, rel=0.01)
        assert fit.bulk_modulus == pytest.approx(bulk_modulus, rel=0.1)
        assert 3.5 < fit.derivative < 5.5
        assert fit.rms < 1e-3  # eV/atom
        off = (
            _pressures(curve) + (fit.energies(np.add(volumes, 0.01)) - fit.energies(np.subtract(volumes, 0.01))) / 0.02
        )
        print(f"pressures off by {np.abs(off).max() / GPa:.2f} GPa at most")
        assert np.abs(off).max() < 1.0 * GPa  # and the stress is the slope


def _pressures(curve: list[Atoms]) -> np.ndarray:
    """[n] eV/A^3, from the labels' stresses (xx, yy, zz, ...)."""
    return np.array([-np.mean(atoms.info["REF_stress"][:3]) for atoms in curve])
