"""Rules of `exploration`, `embedding`, `jobs` and of the campaign as a whole: SPEC 7 and 8."""

from __future__ import annotations

from mlipbatch.config.elements import mass
from mlipbatch.config.heuristics.draft import Draft, Rule, constant

WALKERS = {"elastic": 2, "diffusion": 4, "phase_diagram": 6, "melt_quench": 4}
OVERHEATED = {
    "phase_diagram": 1.2,
    "melt_quench": 1.2,
}  # a perfect crystal superheats: the liquid is only reached above melting
GENERATIONS = {"elastic": 3, "diffusion": 5, "melt_quench": 6, "phase_diagram": 8}


def temperatures(draft: Draft) -> tuple[list[float], str]:
    """Evenly over the range of the goal, in K."""
    lowest, highest = draft["simulation_goal.temperature_range"]
    top = highest * OVERHEATED.get(draft.goal, 1.0)
    reason = "evenly over simulation_goal.temperature_range"
    if top > highest:
        reason += f", and {top / highest - 1:.0%} above it: a perfect crystal superheats, and the liquid must be seen"
    return spread(lowest, top, WALKERS[draft.goal]), reason


def spread(lowest: float, highest: float, count: int) -> list[float]:
    """`count` values from `lowest` to `highest`, evenly spaced, to four digits; one value where the two are the same."""
    if highest <= lowest:
        return [float(lowest)]
    return [float(f"{lowest + (highest - lowest) * index / (count - 1):.4g}") for index in range(count)]


def timestep(draft: Draft) -> tuple[float, str]:
    """By the lightest element, in fs."""
    symbol = min(draft.elements, key=mass)
    value = next((step for most, step in ((3.0, 0.5), (20.0, 1.0)) if mass(symbol) < most), 2.0)
    return value, f"a small part of the fastest vibration; the lightest element is {symbol}"


def max_atoms(draft: Draft) -> tuple[int, str]:
    """Largest box that the machine labels in reasonable time."""
    value = next((atoms for most, atoms in ((7, 40), (31, 64), (127, 128)) if draft.cores <= most), 200)
    if draft["dft.nspin"] == 2:
        value = int(value * 0.75)
    return (
        value,
        f"what {draft.cores} cores label in reasonable time{', spin-polarised' if draft['dft.nspin'] == 2 else ''}",
    )


def boxes(draft: Draft) -> tuple[int, str]:
    """Boxes labelled in each generation."""
    return max(
        4, min(40, draft["selection.number"] // 10)
    ), "about a tenth of the first generation's labels: potentials improve often"


def generations(draft: Draft) -> tuple[int, str]:
    """Trainings by goal."""
    return GENERATIONS[
        draft.goal
    ], f"the cold start and {GENERATIONS[draft.goal] - 1} rounds of active learning, for goal {draft.goal}"


def dft_cores(draft: Draft) -> tuple[int, str]:
    """A quarter of the machine, a power of two, at most 32."""
    if draft.cores < 8:
        return 1, "several one-core jobs side by side are faster than one job over a few cores"
    value = min(32, 1 << ((draft.cores // 4).bit_length() - 1))
    return value, f"several jobs side by side on {draft.cores} cores; small cells do not scale further"


def work_cores(draft: Draft) -> tuple[int, str]:
    """Cores of a job that is not DFT."""
    return min(8, draft.cores), "threads of training, screening and MD; more gain little"


RULES: dict[str, Rule] = {
    "seed": constant(0, "the same input gives the same structures"),
    "generations": generations,
    "exploration.temperatures": temperatures,
    "exploration.pressure": constant(0.0, "ambient pressure is nothing to a solid"),
    "exploration.ensemble": constant("npt", "volumes must be seen as they are at each temperature"),
    "exploration.atoms": constant(1000, "large enough for what cells of DFT cannot show"),
    "exploration.steps": constant(20_000, "tens of picoseconds a walker and generation"),
    "exploration.timestep": timestep,
    "exploration.gamma_every": constant(
        10, "environments change little in 10 steps; grading every step would cost a third more"
    ),
    "exploration.gamma_low": constant(2.0, "below it an environment is known"),
    "exploration.gamma_high": constant(
        10.0, "above it forces cannot be trusted: back to the last good frame, smaller time step"
    ),
    "exploration.max_retries": constant(3, "half the time step each"),
    "embedding.core_radius": constant(5.0, "r_c: the neighbours that the centre feels"),
    "embedding.buffer": constant(3.5, "delta of 3 to 4 A: keeps the new boundary away from the core"),
    "embedding.max_atoms": max_atoms,
    "embedding.boxes": boxes,
    "resources.site": constant("", "your own site.yaml where there is one, else SLURM, PBS or this machine as found"),
    "data.database": constant("", "a file needs no server"),
    "jobs.dft_cores": dft_cores,
    "jobs.dft_walltime": constant(4 * 3600, "a DFT process that has not ended after 4 h is taken for dead"),
    "jobs.dft_memory": constant(0, "each job's is estimated from its cell, and asked for where it is more than usual"),
    "jobs.work_cores": work_cores,
    "jobs.work_walltime": constant(12 * 3600, "training and exploration resume from what they wrote"),
}
