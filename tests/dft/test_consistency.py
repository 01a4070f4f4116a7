"""Labels of one data set have in common what their energies depend on, and say so."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from mlipbatch.config.errors import InputError
from mlipbatch.core.consistency import mixed
from mlipbatch.core.ladder import NextAttempt
from mlipbatch.dft import code
from mlipbatch.dft.base import DFTCode
from mlipbatch.dft.quantum_espresso.results import RYDBERG, read_output_labels
from mlipbatch.store.durable import read_frames, write_frames
from mlipbatch.training.labels import read_labels
from tests.dft.conftest import DATA, settings

qe = code("quantum_espresso")


def said(atoms: Atoms, step: NextAttempt | None = None, by: DFTCode = qe, **changes: Any) -> dict[str, Any]:
    """What a label of these settings carries of itself."""
    prepared = by.prepare(atoms, settings(**changes), step or NextAttempt(), cores=1, walltime=600)
    return {f"dft_{key}": value for key, value in prepared.common.items()}


AL, SI = bulk("Al"), bulk("Si")


def test_what_a_label_says_of_itself() -> None:
    found = said(AL)
    assert found["dft_functional"] == "sla+pz+nogx+nogc"
    assert (found["dft_ecutwfc"], found["dft_ecutrho"], found["dft_nspin"]) == (16, 64, 1)
    assert (found["dft_smearing"], found["dft_degauss"], found["dft_energy_kind"]) == ("mv", 0.02, "E-TS")
    element, file, checksum = found["dft_pseudopotentials"].split(":")
    assert (element, file, len(checksum)) == ("Al", "Al.pz-vbc.UPF", 16)


def test_labels_of_one_campaign_go_together_whichever_rung_won_them() -> None:
    hot = NextAttempt("degauss", {"degauss": 0.04})
    assert said(AL, hot) == said(AL)
    assert mixed([said(AL), said(SI), said(AL, NextAttempt("beta0.3", {"mixing_beta": 0.3}))]) is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"ecutwfc": 15}, r"plane-wave cutoff \(Ry\): 16 \(number 0\) and 15 \(number 1\)"),
        ({"ecutrho": 80}, "cutoff of the density"),
        ({"degauss": 0.01}, "width of the smearing"),
        ({"smearing": "gauss"}, "different smearing: mv"),
        ({"nspin": 2}, "different nspin"),
        ({"extra": {"system": {"input_dft": "PBE"}}}, "functional"),
        ({"extra": {"system": {"ecutwfc": 15}}}, "plane-wave cutoff"),
    ],
)
def test_a_mixed_set_is_refused_with_what_differs(changes: dict[str, Any], sentence: str) -> None:
    labelled = []
    for info in (said(AL), said(AL, **changes)):
        atoms = AL.copy()
        atoms.info |= info | {"REF_energy": -57.0, "REF_stress": np.zeros(6)}
        atoms.set_array("REF_forces", np.zeros((1, 3)))
        labelled.append(atoms)
    with pytest.raises(InputError, match=sentence):
        read_labels(labelled)
    assert len(read_labels(labelled[:1] * 2)) == 2


def test_a_pseudopotential_that_was_changed_under_its_name_is_another(tmp_path: Path) -> None:
    source = Path(settings().pseudo_dir) / "Al.pz-vbc.UPF"
    copy = Path(shutil.copy(source, tmp_path))
    same, other = said(AL, pseudo_dir=str(tmp_path)), said(SI)
    assert mixed([said(AL), other, same]) is None
    copy.write_text(source.read_text().replace("<PP_INFO>", "<PP_INFO>\n", 1))
    assert "pseudopotential of Al" in str(mixed([said(AL), other, said(AL, pseudo_dir=str(tmp_path))]))


def test_what_others_do_not_say_is_no_difference() -> None:
    assert mixed([{}, said(AL), {"name": "of somebody"}, {"dft_ecutwfc": 16.0}]) is None


def test_labels_of_two_calculators_or_two_arguments_are_a_mixed_set(tmp_path: Path) -> None:
    labelled = AL.copy()
    labelled.info |= {"name": "one"} | said(
        AL, by=code("ase"), calculator="tblite.ase.TBLite", arguments={"method": "GFN2-xTB"}
    )
    write_frames(tmp_path / "label.extxyz", [labelled])
    first = read_frames(tmp_path / "label.extxyz")[0].info
    assert first["dft_functional"] == 'tblite.ase.TBLite {"method": "GFN2-xTB"}'
    other = said(AL, by=code("ase"), calculator="tblite.ase.TBLite", arguments={"method": "GFN1-xTB"})
    assert mixed([first, first]) is None
    assert "labels of different functional" in str(mixed([first, other]))
    assert "labels of different DFT code: ase (one) and quantum_espresso" in str(mixed([first, said(AL)]))


@pytest.mark.skipif(not Path("/usr/share/abinit/psp").is_dir(), reason="apt-get install abinit-data")
def test_abinit_says_the_same_of_itself_in_rydbergs() -> None:
    own = {"pseudo_dir": "/usr/share/abinit/psp", "pseudopotentials": {"Al": "13al.pspnc"}}
    found = said(AL, by=code("abinit"), **own)
    assert (found["dft_ecutwfc"], found["dft_smearing"], found["dft_degauss"], found["dft_nspin"]) == (
        16,
        "mv",
        0.02,
        1,
    )
    assert found["dft_pseudopotentials"].startswith("Al:13al.pspnc:")
    assert mixed([found, said(AL, by=code("abinit"), **own)]) is None
    warmer = said(AL, by=code("abinit"), **own, extra={"abinit": {"tsmear": 0.02}})
    assert "width of the smearing (Ry): 0.02 (number 0) and 0.04" in str(mixed([found, warmer]))


def test_the_smearing_contribution_is_part_of_a_label() -> None:
    labels = read_output_labels(DATA / "qe_cases/spin_nomag/v_b03.pwo")
    assert labels.smearing_energy == pytest.approx(0.00103194 * RYDBERG)
