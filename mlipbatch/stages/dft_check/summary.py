"""What came of a check, and as numbers for check.json: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlipbatch.config.model import Config
from mlipbatch.stages.dft_check import differences
from mlipbatch.stages.dft_check.advice import Advice, advise
from mlipbatch.stages.dft_check.differences import AXES, STEP, STRAIN, Differences
from mlipbatch.stages.dft_check.judge import Judged, Row, Tolerance, judge
from mlipbatch.stages.dft_check.plan import DENSITY, QUANTITIES, Scan, name_of
from mlipbatch.stages.dft_check.result import Result

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True)
class Summary:
    """A check with all that came of it."""

    config: Config
    structures: Sequence[Atoms]
    tolerance: Tolerance
    judged: Sequence[Judged]
    differences: Differences
    advice: Advice


def summarise(
    config: Config,
    structures: Sequence[Atoms],
    scans: Sequence[Scan],
    results: Mapping[str, Result],
    tolerance: Tolerance,
) -> Summary:
    """From the labels by name, as far as they are there."""
    judged = [judge(scan, structures, config.dft, results, tolerance) for scan in scans]
    found = differences.differences(structures[0], results)
    advice = advise(judged, found, config.dft.ecutrho / config.dft.ecutwfc, tolerance)
    return Summary(config, structures, tolerance, judged, found, advice)


def as_json(found: Summary) -> dict[str, Any]:
    """check.json. Units are in the names; errors are against the scan's finest value with all its labels (`reference`)."""
    dft, difference = found.config.dft, found.differences
    return {
        "project": found.config.project_name,
        "dft_code": found.config.resources.dft_code,
        "good": found.advice.good,
        "recommendation": list(found.advice.sentences),
        "change": found.advice.change,
        "campaign": {quantity.key: getattr(dft, quantity.key) for quantity in QUANTITIES} | {DENSITY: dft.ecutrho},
        "tolerance": {
            "energy_mev_per_atom": found.tolerance.energy,
            "force_mev_per_a": found.tolerance.force,
            "stress_gpa": found.tolerance.stress,
        },
        "structures": [
            {"name": name_of(atoms), "formula": atoms.get_chemical_formula(), "atoms": len(atoms)}
            for atoms in found.structures
        ],
        "scans": [_scan_as_json(one) for one in found.judged],
        "finite_differences": {
            "structure": difference.structure,
            "step_a": STEP,
            "strain": STRAIN,
            "forces": [
                {"atom": row.component.atom, "axis": AXES[row.component.axis], "label_ev_per_a": row.label,
                 "slope_ev_per_a": row.slope, "deviation_mev_per_a": row.deviation}
                for row in difference.forces
            ],
            "pressure_gpa": difference.pressure,
            "slope_same_waves_gpa": difference.slope_waves,
            "slope_same_cutoff_gpa": difference.slope_cutoff,
            "force_deviation_mev_per_a": difference.force,
            "pressure_deviation_gpa": difference.stress,
            "pulay_gpa": difference.pulay,
            "lacking": list(difference.lacking),
        },
    }  # fmt: skip


def _scan_as_json(one: Judged) -> dict[str, Any]:
    return {
        "key": one.scan.quantity.key,
        "unit": one.scan.quantity.unit,
        "campaign": one.scan.campaign,
        "beside": dict(one.scan.beside),
        "reference": one.reference,
        "enough": one.enough,
        "good": one.good,
        "rows": [_row_as_json(row) for row in one.rows],
    }


def _row_as_json(row: Row) -> dict[str, Any]:
    errors = row.errors
    return {
        "value": row.value,
        "energy_mev_per_atom": errors and errors.energy,
        "difference_mev_per_atom": errors and errors.difference,
        "force_max_mev_per_a": errors and errors.force,
        "force_rms_mev_per_a": errors and errors.force_rms,
        "stress_gpa": errors and errors.stress,
        "moment_change_per_atom": errors and errors.moment,
        "smearing_mev_per_atom": row.smearing,
        "kpoints": list(row.kpoints),
        "seconds": row.seconds,
        "lacking": list(row.lacking),
    }
