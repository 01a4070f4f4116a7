"""Every order of events leaves one process at most running an attempt: the real script beside the fake's copy of it."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlipbatch.core.job import AttemptPlan
from mlipbatch.schedulers.render import render
from mlipbatch.store.claim import Claim, count_claims, read_claim, revoke
from tests.engine.fake_parts import claim

Start = tuple[str, str, int]  # token, scheduler id, restart count


def real(attempt: Path, token: str, scheduler_id: str, restart: int, command: str = "exit 3") -> bool:
    """Start the script as SLURM would: did it run? (A run that ends with 0 could not be requeued.)"""
    script = attempt.parent / f"{token}.{scheduler_id}.{restart}.sh"
    plan = AttemptPlan("base", "a test", f"echo {scheduler_id}.{restart} >> ran; ({command})")
    inbox = attempt.parent
    script.write_text(render("local.sh.j2", job="j", attempt=1, token=token, folder=attempt, inbox=inbox, plan=plan))
    environment = {"PATH": "/usr/bin:/bin", "SLURM_JOB_ID": scheduler_id, "SLURM_RESTART_COUNT": str(restart)}
    return subprocess.run(["bash", str(script)], env=environment, check=False).returncode != 98


ORDERS: list[tuple[str, list[Start | str], list[bool]]] = [
    ("once", [("mb-1", "7", 0)], [True]),
    ("started twice under one id", [("mb-1", "7", 0), ("mb-1", "7", 0)], [True, False]),
    ("sbatch itself sent it twice", [("mb-1", "7", 0), ("mb-1", "8", 0)], [True, False]),
    ("the second of two is requeued", [("mb-1", "7", 0), ("mb-1", "8", 1)], [True, False]),
    ("requeued", [("mb-1", "7", 0), ("mb-1", "7", 1), ("mb-1", "7", 2)], [True, True, True]),
    ("requeued before it began", [("mb-1", "7", 2), ("mb-1", "7", 3)], [True, True]),
    ("a requeue that comes twice", [("mb-1", "7", 0), ("mb-1", "7", 1), ("mb-1", "7", 1)], [True, True, False]),
    ("accepted late, after it was revoked", ["revoke", ("mb-1", "7", 0), ("mb-1", "7", 1)], [True, False, False]),
    ("revoked too late", [("mb-1", "7", 0), "revoke unstarted"], [True, False]),
    ("given up, then requeued", [("mb-1", "7", 0), "revoke", ("mb-1", "7", 1)], [True, True, False]),
    ("requeued, then given up by the old sight", [("mb-1", "7", 0), ("mb-1", "7", 1), "revoke 1"], [True, True, False]),
    ("revoked twice", ["revoke", "revoke"], [True, True]),
    ("over, then requeued", [("mb-1", "7", 0), "exit 0", ("mb-1", "7", 1)], [True, True, False]),
    ("the script of another daemon in the same folder", [("mb-1", "7", 0), ("mb-2", "8", 0)], [True, False]),
]


@pytest.mark.parametrize("start", [real, claim])
@pytest.mark.parametrize(("orders", "expected"), [row[1:] for row in ORDERS], ids=[row[0] for row in ORDERS])
def test_orders_of_events(tmp_path: Path, start: object, orders: list[Start | str], expected: list[bool]) -> None:
    attempt = tmp_path / "attempt-1"
    attempt.mkdir()
    assert [_happens(attempt, event, start) for event in orders] == expected
    if start is real:
        wanted = [f"{e[1]}.{e[2]}" for e, ran in zip(orders, expected, strict=True) if ran and not isinstance(e, str)]
        assert ((attempt / "ran").read_text().split() if wanted else []) == wanted


def _happens(attempt: Path, event: Start | str, start: object) -> bool:
    if isinstance(event, tuple):
        return bool(start(attempt, *event))  # type: ignore[operator]
    if event == "exit 0":
        (attempt / "exit").write_text("0\n")
        return True
    seen = {"revoke": count_claims(attempt), "revoke unstarted": 0, "revoke 1": 1}[event]
    return revoke(attempt, seen, "a test")


def test_of_twenty_starts_at_once_one_runs(tmp_path: Path) -> None:
    attempt = tmp_path / "attempt-1"
    attempt.mkdir()
    with ThreadPoolExecutor(20) as pool:
        ran = list(pool.map(lambda n: real(attempt, "mb-1", str(n), 0, "sleep 0.2"), range(20)))
    assert sum(ran) == 1
    assert len((attempt / "ran").read_text().split()) == 1


@pytest.mark.parametrize("rounds", range(5))
def test_of_a_start_and_a_revocation_at_once_one_wins(tmp_path: Path, rounds: int) -> None:
    attempt = tmp_path / "attempt-1"
    attempt.mkdir()
    with ThreadPoolExecutor(2) as pool:
        ran = pool.submit(real, attempt, "mb-1", "7", 0)
        revoked = pool.submit(revoke, attempt, 0, "a test")
    assert ran.result() != revoked.result()


def test_a_revocation_cut_off_half_way_is_taken_up_again(tmp_path: Path) -> None:
    assert revoke(tmp_path, 0, "a test")
    (tmp_path / "revoked").unlink()  # as a kill between the two links leaves it
    assert revoke(tmp_path, count_claims(tmp_path), "a test")
    assert (tmp_path / "revoked").read_text() == "revoked a test\n"
    assert read_claim(tmp_path, 1) == Claim("revoked", "a", 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["claim", "revoked"]
