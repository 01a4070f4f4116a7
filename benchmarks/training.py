"""Errors and time of a fit with nothing set by hand: `python benchmarks/training.py --train FILE --test FILE [--json FILE]`.

Cutoff, number of functions, weights and ridge are chosen from the training file alone; the test file is opened when the
potential is finished. Data: labels with REF_energy (eV), REF_forces (eV/A), REF_stress (eV/A^3), such as the mlearn sets of
Zuo et al., J. Phys. Chem. A 124, 731 (2020).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from mlipbatch.store.durable import read_frames, write_text
from mlipbatch.training import default_config, evaluate_potential, train_potential


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def measure(arguments: argparse.Namespace) -> dict[str, object]:
    start = time.monotonic()
    train = read_frames(arguments.train)
    config = default_config(train, seed=arguments.seed, progress=say)
    given = {"functions_per_element": arguments.functions, "refine_steps": arguments.refine_steps}
    config = config.model_copy(update={name: value for name, value in given.items() if value is not None})
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "potential"
        report = train_potential(train, config, folder, seed=arguments.seed, progress=say)
        seconds = time.monotonic() - start
        errors = evaluate_potential(folder, read_frames(arguments.test), file=str(arguments.test), progress=say)
    return {
        "train": str(arguments.train),
        "test": str(arguments.test),
        "energy_mae_mev_per_atom": errors["energy_mae_mev_per_atom"],
        "force_mae_ev_per_a": errors["force_mae_ev_per_a"],
        "energy_rmse_mev_per_atom": errors["energy_rmse_mev_per_atom"],
        "force_rmse_ev_per_a": errors["force_rmse_ev_per_a"],
        "stress_rmse_gpa": errors["stress_rmse_gpa"],
        "train_s": round(seconds, 1),
        "functions": report["functions"],
        "cutoff": report["cutoff"],
        "weights": report["weights"]["used"],
        "ridge": report["ridge"],
        "chosen": report["chosen"],
        "pacemaker": report["pacemaker"],
        "seed": arguments.seed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--train", type=Path, required=True, help="labels to train on (extended XYZ)")
    parser.add_argument("--test", type=Path, required=True, help="held-out labels, opened at the end")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--functions", type=int, help="basis functions an element [default: by the amount of data]")
    parser.add_argument("--refine-steps", type=int, help="steps of pacemaker [default: by the amount of data]")
    arguments = parser.parse_args()
    figures = measure(arguments)
    print(json.dumps(figures, indent=2))
    if arguments.json:
        write_text(arguments.json, json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
