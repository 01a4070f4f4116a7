"""Libraries of pseudopotentials: fetched from a real server, brought along in a folder or an archive, kept, refused, resumed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mlipbatch.config.sssp import libraries, library

DEBIAN = Path("/usr/share/espresso/pseudo")
STEM = "SSSP_1.2.1_PBE_efficiency"  # a release whose table does not ship: here the table is ours, and the files are Debian's
NAME = "sssp-efficiency-1.2"
FILES = {"Cu": "Cu.pbe-kjpaw.UPF", "Fe": "Fe.pbe-nd-rrkjus.UPF", "Ni": "Ni.pbe-nd-rrkjus.UPF"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the user's own tables; it does not exist yet."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "mlipbatch" / "pseudopotentials"


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A folder with what a release is: STEM.json, STEM.tar.gz and, unpacked, the files."""
    folder = tmp_path / "release"
    (folder / "files").mkdir(parents=True)
    rows = {}
    for number, (symbol, name) in enumerate(FILES.items()):
        shutil.copy(DEBIAN / name, folder / "files")
        md5 = hashlib.md5((DEBIAN / name).read_bytes(), usedforsecurity=False).hexdigest()
        rows[symbol] = {
            "filename": name,
            "md5": md5,
            "cutoff_wfc": 40.0 + 5 * number,
            "cutoff_rho": 320.0 + 40 * number,
        }
    (folder / f"{STEM}.json").write_text(json.dumps(rows))
    with tarfile.open(folder / f"{STEM}.tar.gz", "w:gz") as archive:
        for name in FILES.values():
            archive.add(folder / "files" / name, arcname=f"./{name}")
    return folder


@dataclass
class Server:
    """What a server was asked, and how many bytes of an archive it sends before it hangs up."""

    url: str = ""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    hang_up_after: int | None = None


@pytest.fixture
def server(release: Path) -> Iterator[Server]:
    """The release on a server of this machine that knows Range."""
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            part = self.headers.get("Range")
            state.asked.append((self.path, part))
            path = release / self.path.strip("/")
            if not path.is_file():
                self.send_error(404)
                return
            first = int(part.removeprefix("bytes=").rstrip("-")) if part else 0
            body = path.read_bytes()[first:]
            self.send_response(206 if part else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            cut = state.hang_up_after if path.suffix == ".gz" else None
            self.wfile.write(body[:cut])
            self.close_connection = cut is not None

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as service:
        state.url = f"http://127.0.0.1:{service.server_port}"
        thread = threading.Thread(target=service.serve_forever, daemon=True)
        thread.start()
        yield state
        service.shutdown()


def mlipbatch(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "no_proxy": "*"}
    command = [sys.executable, "-m", "mlipbatch", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_from_the_web_to_a_campaign_s_default(home: Path, server: Server, tmp_path: Path) -> None:
    done = mlipbatch("pseudos", "install", NAME, "--url", server.url)
    assert (done.returncode, done.stdout) == (0, f"{NAME}: 3 installed, 0 kept, in {home / STEM}\n")
    assert [path for path, _ in server.asked] == [f"/{STEM}.json", f"/{STEM}.tar.gz"]
    assert {path.name for path in (home / STEM).iterdir()} == set(FILES.values())
    assert not list((home / ".downloads").iterdir())

    listed = {row["name"]: row for row in json.loads(mlipbatch("pseudos", "list", "--json").stdout)}
    assert listed[NAME]["elements"] == ["Cu", "Fe", "Ni"]
    assert listed["sssp-efficiency"]["folder"] == str(home / STEM)
    assert listed["sssp-precision-1.3"]["folder"] == ""

    again = mlipbatch("pseudos", "install", NAME, "--url", "http://127.0.0.1:9")  # nothing is left to be fetched
    assert again.stdout == f"{NAME}: 0 installed, 3 kept, in {home / STEM}\n"

    (tmp_path / "input.yaml").write_text(
        "project_name: x\ntarget_system: {elements: [Fe, Ni], composition: {Fe: 0.7, Ni: 0.3}, crystal_structure: fcc}\n"
        "simulation_goal: {type: elastic, temperature_range: [300, 900]}\n"
        "resources: {dft_code: quantum_espresso, parallel_cores: 4, gpu_enabled: false}\n"
    )
    values = json.loads(mlipbatch("plan", str(tmp_path / "input.yaml"), "--json").stdout)["values"]
    assert (values["dft.ecutwfc"]["value"], values["dft.ecutrho"]["value"]) == (50, 400)  # Ni's, the largest
    assert values["dft.pseudo_dir"]["value"] == str(home / STEM)


def test_a_download_that_was_cut_off_goes_on_where_it_was(home: Path, server: Server, release: Path) -> None:
    server.hang_up_after = 100_000
    cut = mlipbatch("pseudos", "install", NAME, "--url", server.url)
    assert cut.returncode == 2
    assert "it ended after 100000 of" in cut.stderr or "IncompleteRead" in cut.stderr
    assert f"`mlipbatch pseudos install {NAME} --from FOLDER`" in cut.stderr
    assert not (home / STEM).exists()

    server.hang_up_after = None
    assert mlipbatch("pseudos", "install", NAME, "--url", server.url).returncode == 0
    assert server.asked[-1] == (f"/{STEM}.tar.gz", "bytes=100000-")
    for name in FILES.values():
        assert (home / STEM / name).read_bytes() == (DEBIAN / name).read_bytes()


@pytest.mark.parametrize("form", ["folder", "files", "tar", "zip"])
def test_without_network(home: Path, release: Path, tmp_path: Path, form: str) -> None:
    with zipfile.ZipFile(release / "sssp.zip", "w") as archive:
        for name in FILES.values():
            archive.write(release / "files" / name, f"sub/{name}")
    source = {
        "folder": release,
        "files": release / "files",
        "tar": release / f"{STEM}.tar.gz",
        "zip": release / "sssp.zip",
    }
    if form == "folder":
        shutil.rmtree(release / "files")  # the two files of the release, as they were brought along
    done = mlipbatch("pseudos", "install", STEM, "--from", str(source[form]), "--elements", "Fe,Ni")
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.name for path in (home / STEM).iterdir()} == {FILES["Fe"], FILES["Ni"]}
    checked = mlipbatch("pseudos", "check", str(home / STEM))
    assert (checked.returncode, checked.stderr.strip()) == (1, f"Cu: {FILES['Cu']} is not there")


def test_wrong_files_are_named_and_nothing_is_installed(home: Path, release: Path) -> None:
    with (release / "files" / FILES["Ni"]).open("a") as file:
        file.write("\n")
    (release / "files" / FILES["Cu"]).unlink()
    (release / f"{STEM}.tar.gz").unlink()
    done = mlipbatch("pseudos", "install", NAME, "--from", str(release))
    assert done.returncode == 2
    assert f"{FILES['Ni']} (Ni): its md5 is another; {FILES['Cu']} (Cu): is not there" in done.stderr
    assert not (home / STEM).exists()
    assert not (home / f"{STEM}.json").exists()


def test_a_right_file_is_kept_and_a_wrong_one_replaced(home: Path, release: Path) -> None:
    source = ("--from", str(release))
    assert mlipbatch("pseudos", "install", NAME, *source).returncode == 0
    right, wrong = home / STEM / FILES["Fe"], home / STEM / FILES["Ni"]
    before = right.stat()
    wrong.write_text("<UPF")
    dry = mlipbatch("pseudos", "install", NAME, *source, "--dry-run", "--json")
    assert json.loads(dry.stdout)["replaced"] == ["Ni"]
    assert wrong.read_text() == "<UPF"

    done = mlipbatch("pseudos", "install", NAME, *source)
    assert done.stdout.startswith(f"{NAME}: 1 installed, 2 kept")
    assert "Ni: the file that was there was not the right one" in done.stderr
    assert wrong.read_bytes() == (DEBIAN / FILES["Ni"]).read_bytes()
    assert (right.stat().st_ino, right.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sssp-efficency-1.3",), "did you mean 'sssp-efficiency-1.3'?"),
        ((NAME, "--from", "nowhere"), "nowhere is not there"),
        ((NAME, "--from", "RELEASE", "--elements", "Fe,Xx"), "has no Xx; it has Cu, Fe, Ni"),
        ((NAME, "--from", f"RELEASE/{STEM}.json"), "is neither a folder nor an archive"),
        (("sssp-precision-1.3-pbesol", "--from", "RELEASE"), "SSSP_1.3.0_PBEsol_precision.json is neither in"),
        ((NAME, "--url", "ftp://x"), "is no address that begins with http"),
    ],
)
def test_wrong_calls_are_one_sentence(home: Path, release: Path, words: tuple[str, ...], said: str) -> None:
    done = mlipbatch("pseudos", "install", *(word.replace("RELEASE", str(release)) for word in words))
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2  # one says what is fetched
    assert done.stdout == ""
    assert not home.exists() or not list(home.iterdir())


def test_a_table_that_is_not_the_published_one_is_refused(home: Path, release: Path) -> None:
    stem = "SSSP_1.3.0_PBEsol_precision"
    (release / f"{STEM}.json").rename(release / f"{stem}.json")
    done = mlipbatch("pseudos", "install", "sssp-precision-1.3-pbesol", "--from", str(release))
    assert done.returncode == 2
    assert (
        "is not the table of sssp-precision-1.3-pbesol: its md5 is not c355de4dc3a2067b34f257d01368322a" in done.stderr
    )


@pytest.mark.parametrize("name", ["sssp-efficiency-1.3", "sssp-precision-1.3"])
def test_the_shipped_tables_are_the_published_ones_byte_for_byte(name: str) -> None:
    table = libraries()[name].table
    assert table is not None
    assert hashlib.md5(table.read_bytes(), usedforsecurity=False).hexdigest() == libraries()[name].table_md5
    rows = json.loads(table.read_text())
    assert len(rows) == 103
    assert all(row["cutoff_rho"] >= 4 * row["cutoff_wfc"] and len(row["md5"]) == 32 for row in rows.values())


def test_names_of_a_library() -> None:
    asked = ("sssp-efficiency-1.3", "SSSP_1.3.0_PBE_efficiency", "sssp-efficiency", "sssp-efficiency-1.3.0")
    assert {library(name).stem for name in asked} == {"SSSP_1.3.0_PBE_efficiency"}
    assert library("sssp-precision-1.3-pbesol").functional == "PBEsol"


def test_check_reads_what_files_say_of_themselves(tmp_path: Path) -> None:
    shutil.copy(DEBIAN / "Fe.rel-pbe-spn-rrkjus_psl.0.2.1.UPF", tmp_path)
    whole = (DEBIAN / "Si.pz-vbc.UPF").read_text()
    (tmp_path / "Si.UPF").write_text(whole[: len(whole) // 2])
    done = mlipbatch("pseudos", "check", str(tmp_path))
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "Fe.rel-pbe-spn-rrkjus_psl.0.2.1.UPF\tok\tFe PBE full-relativistic US 16 electrons",
        "Si.UPF\twrong\tit is cut off: its last tag is missing",
    ]
