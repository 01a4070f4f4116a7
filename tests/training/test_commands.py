"""`mlipbatch fit` and `mlipbatch evaluate`, as one types them."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from mlipbatch.cli.evaluate import evaluate
from mlipbatch.cli.fit import fit
from mlipbatch.config.errors import InputError
from mlipbatch.core.split import split_by_root
from mlipbatch.store.durable import read_frames, write_frames


@pytest.fixture(scope="module")
def run():
    app = typer.Typer()
    app.command("fit")(fit)
    app.command("evaluate")(evaluate)

    def call(line, catch_exceptions=False):
        return CliRunner().invoke(app, [str(word) for word in line], catch_exceptions=catch_exceptions)

    return call


@pytest.fixture(scope="module")
def files(labels, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    train, test = split_by_root(labels, 0.2, seed=0)
    write_frames(folder / "train.extxyz", train)
    write_frames(folder / "test.extxyz", test)
    return folder


@pytest.fixture(scope="module")
def fitted(run, files):
    """A fit with nothing but the data, pacemaker left out (it would take most of a minute)."""
    missing = {"MLIPBATCH_PACEMAKER": str(files / "no-pacemaker")}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in missing.items():
            patch.setenv(name, value)
        result = run(["fit", files / "train.extxyz", "-o", files / "p", "--seed", 3, "--test", files / "test.extxyz"])
    assert result.exit_code == 0
    return result, files / "p"


def test_fit_needs_nothing_but_labels(fitted):
    result, folder = fitted
    report = json.loads((folder / "report.json").read_text())
    assert result.stdout == f"{folder}\n"
    assert "cutoff 5 A: held-out force error" in result.stderr
    assert "no-pacemaker does not start" in result.stderr
    assert "test: RMSE energy" in result.stderr
    assert report["seed"] == 3
    assert report["cutoff"] in (4.5, 5.0, 5.5, 6.0)
    assert report["functions"] == 2 * 20  # as few as there are labels


def test_evaluate_tells_errors_by_config_type(run, files, fitted):
    _, folder = fitted
    report = json.loads((folder / "report.json").read_text())
    table = run(["evaluate", folder, files / "test.extxyz"])
    assert [line.split()[0] for line in table.stdout.splitlines()] == [
        "config_type",
        "sqs",
        "sqs_rattle",
        "sqs_strain",
        "all",
    ]
    output = files / "errors.json"
    result = run(["evaluate", folder, files / "test.extxyz", "--json", "-o", output])
    errors = json.loads(result.stdout)
    assert errors == json.loads(output.read_text())
    assert errors["energy_rmse_mev_per_atom"] == pytest.approx(report["test"]["energy_rmse_mev_per_atom"])
    assert errors["by_config_type"]["sqs_rattle"]["structures"] * 5 == errors["structures"] * 2


def test_wrong_files_are_sentences_with_the_files_name(run, files, fitted, tmp_path):
    _, folder = fitted
    frames = read_frames(files / "test.extxyz")
    del frames[1].info["REF_energy"]
    write_frames(tmp_path / "bare.extxyz", frames)
    nickel = [frames[0].copy()]
    nickel[0].symbols[0] = "Ni"
    write_frames(tmp_path / "nickel.extxyz", nickel)
    for line, sentence in (
        (["fit", tmp_path / "bare.extxyz", "-o", tmp_path / "p"], r"bare.extxyz: structure 1 \(.*\) has no REF_energy"),
        (["fit", tmp_path / "none.extxyz", "-o", tmp_path / "p"], "none.extxyz: no such file"),
        (["evaluate", folder, tmp_path / "bare.extxyz"], r"bare.extxyz: structure 1 \(.*\) has no REF_energy"),
        (["evaluate", folder, tmp_path / "nickel.extxyz"], r"nickel.extxyz: structure 0 .* has Ni"),
        (["evaluate", tmp_path, files / "test.extxyz"], "is no potential"),
        (["fit", files / "train.extxyz", "-o", tmp_path / "p", "--from", tmp_path], "is no potential"),
    ):
        with pytest.raises(InputError, match=sentence):
            run(line)
    assert not (tmp_path / "p").exists()
