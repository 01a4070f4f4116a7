"""Tables: found, read, held to their files, and never chosen behind the user's back."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from mlipbatch.config import InputError, expand
from mlipbatch.config.pseudopotentials import available, check_files, kind_of, load_table, valence
from tests.config.material import minimal, table, upf

SHIPPED = ("debian-lda", "debian-pbe")
ALMG = {"elements": ["Al", "Mg"], "composition": {"Al": 0.75, "Mg": 0.25}}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """The folder of the user's own tables; empty to begin with."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "mlipbatch" / "pseudopotentials"
    folder.mkdir(parents=True)
    return folder


def sssp(folder: Path) -> None:
    """What one downloads: a JSON file, and the archive unpacked beside it."""
    inner = folder / "SSSP_1.3.0_PBE_efficiency"
    inner.mkdir()
    rows = {}
    for symbol, wfc, rho in (("Fe", 90.0, 1080.0), ("Ni", 45.0, 360.0)):
        upf(inner, f"{symbol}.UPF")
        md5 = hashlib.md5((inner / f"{symbol}.UPF").read_bytes(), usedforsecurity=False).hexdigest()
        rows[symbol] = {"filename": f"{symbol}.UPF", "md5": md5, "cutoff_wfc": wfc, "cutoff_rho": rho}
    (folder / "SSSP_1.3.0_PBE_efficiency.json").write_text(json.dumps(rows))


def test_sssp_as_it_is_downloaded_is_the_default(home):
    sssp(home)
    config, reasons = expand(minimal())
    assert config.dft.pseudopotential_table == "sssp-efficiency"
    assert (config.dft.ecutwfc, config.dft.ecutrho) == (90, 1080)
    assert config.dft.pseudo_dir == str(home / "SSSP_1.3.0_PBE_efficiency")
    assert "the field's default" in reasons["dft.pseudopotential_table"]


def test_a_file_that_was_changed_is_refused(home):
    sssp(home)
    with (home / "SSSP_1.3.0_PBE_efficiency" / "Ni.UPF").open("a") as file:
        file.write("\n")
    with pytest.raises(InputError, match=r"Ni.UPF is not the file that .* were made for \(md5 differs\)"):
        expand(minimal(dft={"pseudopotential_table": "sssp-efficiency"}))


def test_without_pseudopotentials_labels_are_impossible_but_structures_are_not():
    with pytest.raises(InputError, match="no pseudopotentials of Fe, Ni: download SSSP efficiency"):
        expand(minimal())
    config, _ = expand(minimal(), labels=False)
    assert config.dft.pseudopotentials == {}


def test_lda_is_offered_and_never_chosen():
    with pytest.raises(InputError, match=r"installed and fitting: `pseudopotential_table: debian-lda`"):
        expand(minimal(target_system=ALMG))
    config, _ = expand(minimal(target_system=ALMG, dft={"pseudopotential_table": "debian-lda"}))
    assert config.dft.pseudopotentials == {"Al": "Al.pz-vbc.UPF", "Mg": "Mg.pz-n-vbc.UPF"}
    assert config.dft.ecutrho == 4 * config.dft.ecutwfc  # norm-conserving
    with pytest.raises(InputError, match="'debian-lda' has no pseudopotential of Fe, Ni"):
        expand(minimal(dft={"pseudopotential_table": "debian-lda"}))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_tables_fit_debian_s_files(name):
    found = load_table(name)
    check_files(found, list(found.elements))
    for symbol, entry in found.elements.items():
        path = Path(found.folder) / entry.file
        dual = entry.ecutrho / entry.ecutwfc
        assert dual >= 4, symbol
        assert kind_of(path) != "US" or dual >= 7, symbol
        assert (valence(path) or 0) >= 1, symbol


def test_shipped_tables_are_found():
    assert set(SHIPPED) <= set(available())


def test_wrong_tables(tmp_path):
    path = table(tmp_path)
    good = path.read_text()
    path.write_text(good.replace("ecutwfc: 45", "ecutwfc: -45"))
    with pytest.raises(InputError, match=r"mine.yaml:6:31: this table of pseudopotentials is wrong"):
        load_table(str(path))
    path.write_text(good.replace("folder: .", "folder: [nowhere, neither/here]"))
    with pytest.raises(InputError, match="the files of table 'mine' are not on this machine"):
        load_table(str(path))
    with pytest.raises(
        InputError, match=r"there is no table of pseudopotentials 'debian-ldaa' \(did you mean 'debian-lda'"
    ):
        load_table("debian-ldaa")
    path.write_text(good.replace("Fe.UPF", "../Fe.UPF"))  # a table must not lead out of its folder
    with pytest.raises(InputError, match=r"mine.yaml:5:14: this table of pseudopotentials is wrong"):
        load_table(str(path))


def test_a_json_that_is_no_table(tmp_path):
    path = tmp_path / "SSSP_efficiency.json"
    for text in (
        "[]",
        "{",
        '{"Fe": {}}',
        '{"Fe": 3}',
        '{"Fe": {"filename": "/etc/passwd", "cutoff_wfc": 1, "cutoff_rho": 8}}',
    ):
        path.write_text(text)
        with pytest.raises(InputError, match="is not a table of SSSP"):
            load_table(str(path))
