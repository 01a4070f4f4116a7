"""Tables: found, read, held to their files, and never chosen behind the user's back."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mlipbatch.config import InputError, expand
from mlipbatch.config.pseudopotentials import available, check_files, kind_of, load_table, valence
from mlipbatch.config.upf import Upf, read_upf
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
    with pytest.raises(
        InputError,
        match=r"no pseudopotentials of Fe, Ni: get SSSP efficiency by `mlipbatch pseudos install sssp-efficiency-1.3`",
    ):
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


ROWS = {"Fe": ("Fe.pbe-nd-rrkjus.UPF", 50, 400), "Ni": ("Ni.pbe-nd-rrkjus.UPF", 60, 300)}
DEBIAN = Path("/usr/share/espresso/pseudo")


def own_table(folder: Path, form: str, rows: dict[str, tuple[str, int, int]]) -> Path:
    """A table of the user's, beside copies of real files."""
    for name, _, _ in rows.values():
        shutil.copy(DEBIAN / name, folder)
    path = folder / f"mine.{form}"
    entries = {symbol: {"file": name, "ecutwfc": wfc, "ecutrho": rho} for symbol, (name, wfc, rho) in rows.items()}
    if form == "csv":
        lines = [f"{symbol}, {name}, {wfc}, {rho}" for symbol, (name, wfc, rho) in rows.items()]
        path.write_text("\n".join(["element, file, ecutwfc, ecutrho", *lines, ""]))
    else:  # JSON is YAML
        path.write_text(json.dumps({"elements": entries}))
    return path


@pytest.mark.parametrize("form", ["csv", "json", "yaml"])
@pytest.mark.parametrize("named", ["file", "folder"])
def test_a_table_of_the_user_s_own_in_any_form(tmp_path, form, named):
    (tmp_path / "own").mkdir()
    path = own_table(tmp_path / "own", form, ROWS)
    config, reasons = expand(minimal(dft={"pseudopotential_table": str(path if named == "file" else path.parent)}))
    assert config.dft.pseudo_dir == str(tmp_path / "own")
    assert (config.dft.ecutwfc, config.dft.ecutrho) == (60, 400)  # the largest of each, whosever it is
    assert "Ni's" in reasons["dft.ecutwfc"]
    assert "Fe's" in reasons["dft.ecutrho"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"Ni": ("Ni.pz-nd-rrkjus.UPF", 50, 400)}, "different functionals: Fe PBE, Ni LDA"),
        ({"Ni": ("Ni.rel-pbe-nd-rrkjus.UPF", 50, 400)}, "Fe scalar-relativistic, Ni full-relativistic"),
        ({"Ni": ("Fe.pbe-nd-rrkjus.UPF", 50, 400)}, "says that it is for Fe, not for Ni"),
    ],
)
def test_pseudopotentials_that_do_not_belong_together(tmp_path, rows, said):
    path = own_table(tmp_path, "csv", {**ROWS, **rows})
    with pytest.raises(InputError, match=said):
        expand(minimal(dft={"pseudopotential_table": str(path)}))


def test_a_heavy_atom_without_relativity_does_not_go_with_one_that_has_it(tmp_path):
    rows = {"Fe": ("Fe.pbe-mt_fhi.UPF", 80, 320), "Ni": ROWS["Ni"], "O": ("O.pbe-kjpaw.UPF", 50, 400)}
    table = load_table(str(own_table(tmp_path, "csv", rows)))
    with pytest.raises(InputError, match="do not agree in relativity: Fe non-relativistic, Ni scalar-relativistic"):
        check_files(table, ["Fe", "Ni"])
    check_files(table, ["Ni", "O"])  # oxygen is light


def test_a_table_must_be_of_the_functional_that_it_says(tmp_path):
    path = own_table(tmp_path, "json", ROWS)
    path.write_text(json.dumps({**json.loads(path.read_text()), "functional": "PBEsol"}))
    with pytest.raises(InputError, match="was made with PBE, table 'mine' is for PBEsol"):
        check_files(load_table(str(path)), ["Fe"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("element,file,ecutwfc\n", "mine.csv:1: has no column ecutrho"),
        (
            "element,file,ecutwfc,ecutrho\nFe,Fe.UPF,high,400\n",
            "mine.csv:2: this row of 'Fe' is wrong: could not convert",
        ),
        ("element,file,ecutwfc,ecutrho\nFe,../Fe.UPF,40,400\n", "mine.csv:2: this row of 'Fe' is wrong"),
        ("element,file,ecutwfc,ecutrho\nFe,a,4,40\nFe,b,4,40\n", "mine.csv:3: Fe stands twice"),
        ("element,file,ecutwfc,ecutrho\nFe,a\n", "mine.csv:2: this row of 'Fe' is wrong"),
    ],
)
def test_wrong_tables_with_commas(tmp_path, text, said):
    (tmp_path / "mine.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        load_table(str(tmp_path / "mine.csv"))


def test_folders_without_a_table_or_with_several(tmp_path):
    with pytest.raises(InputError, match="has no tables"):
        load_table(str(tmp_path))
    for name in ("a.csv", "b.yaml"):
        (tmp_path / name).write_text("")
    with pytest.raises(InputError, match=r"has 2 tables \(a.csv, b.yaml\)"):
        load_table(str(tmp_path))


def test_pbesol_is_never_taken_for_the_default(home):
    sssp(home)
    for name in ("SSSP_1.3.0_PBEsol_efficiency", "SSSP_1.10.0_PBE_precision", "SSSP_1.9.0_PBE_precision"):
        shutil.copy(home / "SSSP_1.3.0_PBE_efficiency.json", home / f"{name}.json")
    found = {name: path.stem for name, path in available().items() if name.startswith("sssp")}
    assert found["sssp-efficiency"] == found["sssp-efficiency-1.3"] == "SSSP_1.3.0_PBE_efficiency"
    assert found["sssp-efficiency-pbesol"] == "SSSP_1.3.0_PBEsol_efficiency"
    assert found["sssp-precision"] == "SSSP_1.10.0_PBE_precision"


def test_a_file_that_is_not_installed_names_the_command(home):
    sssp(home)
    (home / "SSSP_1.3.0_PBE_efficiency" / "Ni.UPF").unlink()
    with pytest.raises(InputError, match=r"`mlipbatch pseudos install sssp-efficiency-1.3 --elements Ni`"):
        expand(minimal(dft={"pseudopotential_table": "sssp-efficiency"}))
    with pytest.raises(InputError, match=r"is not installed here: `mlipbatch pseudos install sssp-precision-1.3`"):
        expand(minimal(dft={"pseudopotential_table": "sssp-precision-1.3"}))


def test_headers_of_both_versions(tmp_path):
    old = tmp_path / "old.UPF"
    old.write_text(
        "<PP_INFO>\n    1        The Pseudo was generated with a Scalar-Relativistic Calculation\n"
        " 3D  3  2  7.00      2.000      2.200     -0.9\n 4S  4  0  1.00      1.800      2.200     -0.4\n</PP_INFO>\n"
        "<PP_HEADER>\n   0                   Version Number\n  Fe                   Element\n"
        "   US                  Ultrasoft pseudopotential\n"
        "    T                  Nonlinear Core Correction\n SLA  PW   PBE  PBE     PBE  Exchange-Correlation functional\n"
        "    8.00000000000      Z valence\n</PP_HEADER>\n"
    )
    new = read_upf(DEBIAN / "Fe.pbe-nd-rrkjus.UPF")
    assert read_upf(old) == replace(new, core_radius=1.8)
    assert new == Upf("Fe", 8.0, "sla+pw+pbx+pbc", "scalar", "US", 2.0)
    assert read_upf(DEBIAN / "C.pbe-van_bm.UPF").core_radius is None  # it says 10 bohr for want of knowing


def test_files_named_one_by_one_must_belong_together_too():
    files = {"Fe": "Fe.pbe-nd-rrkjus.UPF", "Ni": "Ni.pz-nd-rrkjus.UPF"}
    own = {"pseudo_dir": str(DEBIAN), "pseudopotentials": files, "ecutwfc": 50}
    with pytest.raises(InputError, match=r"'dft.pseudopotentials': .* different functionals: Fe PBE, Ni LDA"):
        expand(minimal(dft=own))
    config, _ = expand(minimal(dft={**own, "extra": {"system": {"input_dft": "PBE"}}}))
    assert config.dft.ecutrho == 400
