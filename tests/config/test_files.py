"""Files in and out: config.yaml gives what it was made from; any bytes are a configuration or one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mlipbatch.config import (
    Config,
    InputError,
    expand,
    load_config,
    load_expanded,
    load_input,
    render_config_yaml,
    render_input,
)
from mlipbatch.config.elements import SYMBOLS
from mlipbatch.config.located import parse_yaml
from mlipbatch.config.partial import leaves
from tests.config.material import MINIMAL, minimal, table

MANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "al_mg" / "input.yaml"


@pytest.fixture(autouse=True)
def nothing_installed(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def test_config_yaml_gives_the_identical_configuration(tmp_path):
    table(tmp_path)
    source = tmp_path / "input.yaml"
    source.write_text(yaml.safe_dump(minimal(dft={"pseudopotential_table": "mine.yaml", "conv_thr": 1e-9})))
    config, reasons = load_expanded(source)
    elsewhere = tmp_path / "project" / "config.yaml"
    elsewhere.parent.mkdir()
    elsewhere.write_text(render_input(source))

    assert load_config(elsewhere, labels=True) == config
    assert yaml.safe_load(elsewhere.read_text()) == config.model_dump(mode="json")  # a YAML 1.1 reader sees the same
    (tmp_path / "Fe.UPF").unlink()  # a compute node may not see what the login node sees
    (tmp_path / "mine.yaml").unlink()
    assert load_config(elsewhere) == config
    endings = tuple(line.partition("  # ")[2] for line in elsewhere.read_text().splitlines())
    assert all(any(ending.endswith(reasons[path]) for ending in endings) for path in leaves())


def test_every_line_of_config_yaml_has_its_reason(tmp_path):
    config, reasons = expand(minimal(), labels=False)
    text = render_config_yaml(config, reasons)
    for line in text.splitlines():
        if line.strip() and not line.startswith("#") and not line.rstrip().endswith(":"):
            assert "  # " in line, line
    reasons["seed"] = "one\nline\u2028only: \x07"
    assert parse_yaml(render_config_yaml(config, reasons).encode(), "config.yaml").data["seed"] == 0


def test_the_example_is_near_to_its_own_lattice_constant():
    config = load_config(EXAMPLE, labels=True)
    assert config.target_system.composition == {"Al": 0.75, "Mg": 0.25}
    assert config.generation.sqs_sizes == [4, 8, 16]
    assert config.generation.lattice_constant == pytest.approx(
        4.073, rel=0.005
    )  # pw.x, 16 Ry, minimum of E(V) of Al3Mg
    labels = config.selection.number + len(config.target_system.elements) + config.embedding.boxes
    assert 60 <= labels <= 100
    assert config.resources.parallel_cores == 2


def test_relative_paths_are_relative_to_the_file(tmp_path):
    folder = tmp_path / "somewhere"
    folder.mkdir()
    table(folder)
    (folder / "input.yaml").write_text(yaml.safe_dump(minimal(dft={"pseudopotential_table": "mine.yaml"})))
    raw, _ = load_input(folder / "input.yaml")
    assert raw["dft"]["pseudopotential_table"] == str(folder / "mine.yaml")
    assert load_config(folder / "input.yaml").dft.ecutwfc == 90


def test_places_of_keys_and_values():
    located = parse_yaml(b"a: 1e-3\nb:\n  - {c: No, d: [1, yes]}\n", "f")
    assert located.data == {"a": 0.001, "b": [{"c": "No", "d": [1, "yes"]}]}  # nobelium is an element
    assert located.place(("a",)) == (1, 4)
    assert located.place(("b", 0, "d"), key=True) == (3, 13)
    assert located.place(("b", 0, "d", 1)) == (3, 20)
    assert located.place(("b", 0, "missing")) == (2, 1)


@MANY
@given(st.binary(max_size=300))
@example(b"\xff\xfe\x00")
@example(b"a: &a [*a]")
@example(b'"\\ud800": 1')
@example(b"? ? ? a")
@example(b"%YAML 9.9\n---\na: 1")
@example(b"!!binary a: b")
def test_any_bytes_are_a_configuration_or_one_sentence(content):
    read(content)


@MANY
@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*!|>'\"%@`#,? \n\t~0.e1<=\\xuU\x85\u2028\ufeff"), max_size=60))
def test_any_text_too(text):
    read(text.encode())


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(SYMBOLS[:30]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.sampled_from(SYMBOLS[:30]), inner, max_size=3)
    ),
    max_leaves=6,
)
positive = st.floats(1e-9, 1e9) | st.integers(1, 10**9) | st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=3)


@MANY
@given(st.sampled_from(list(leaves())), values | positive)
def test_any_value_of_any_key(path, value):
    """One key of a good file gets any value."""
    raw = minimal()
    *sections, name = path.split(".")
    place: Any = raw
    for section in sections:
        place = place.setdefault(section, {})
    place[name] = value
    config = read(yaml.safe_dump(raw, allow_unicode=True).encode("utf-8", errors="surrogatepass"))
    if config is not None:
        again = read(render_config_yaml(config, {}).encode())
        assert again == config


compositions = st.dictionaries(st.sampled_from(SYMBOLS[1:96]), st.floats(0.01, 1), min_size=1, max_size=6).map(
    lambda shares: {symbol: share / sum(shares.values()) for symbol, share in shares.items()}
)


@MANY
@given(
    compositions,
    st.sampled_from(["fcc", "bcc", "hcp", "sc", "diamond"]),
    st.sampled_from(["melt_quench", "elastic", "phase_diagram", "diffusion"]),
    st.integers(1, 100_000),
    st.tuples(st.floats(1, 2000), st.floats(0, 2000)),
)
def test_any_material_has_a_whole_configuration(composition, lattice, goal, cores, temperatures):
    raw = {
        **MINIMAL,
        "target_system": {"elements": list(composition), "composition": composition, "crystal_structure": lattice},
        "simulation_goal": {"type": goal, "temperature_range": [temperatures[0], sum(temperatures)]},
        "resources": {"dft_code": "quantum_espresso", "parallel_cores": cores, "gpu_enabled": False},
    }
    config, reasons = expand(raw, labels=False)
    assert 1.5 < config.generation.lattice_constant < 15
    assert all(sum(one.values()) == pytest.approx(1, abs=1e-3) for one in config.generation.compositions)
    assert config.training.zbl_inner < config.training.zbl_outer < config.training.cutoff
    assert all(reasons.values())


def read(content: bytes) -> Config | None:
    """The configuration that a file of these bytes gives; None where it was refused in one sentence."""
    path = Path("input.yaml")
    path.write_bytes(content)
    config, sentence = None, "input.yaml:"
    try:
        config = load_config(path)
    except InputError as error:
        sentence = str(error)
    assert sentence.startswith("input.yaml:")
    assert sentence.isprintable()
    return config
