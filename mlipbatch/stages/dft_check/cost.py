"""What a check takes."""

from __future__ import annotations

from collections.abc import Sequence

from mlipbatch import dft
from mlipbatch.config.model import Config
from mlipbatch.config.scf_cost import Model
from mlipbatch.core.ladder import NextAttempt
from mlipbatch.stages.dft_check.plan import Calculation
from mlipbatch.stages.label import own


def seconds(config: Config, every: Sequence[Calculation], model: Model) -> float:
    """Wall time of all calculations, one after the other, on `jobs.dft_cores` each; those of unknown size count nothing."""
    code = dft.code(config.resources.dft_code)
    jobs = config.jobs
    prepared = (
        code.prepare(
            one.frame(), own(config.dft, one.settings), NextAttempt(), cores=jobs.dft_cores, walltime=jobs.dft_walltime
        )
        for one in every
    )
    return sum(model.seconds(one.size) for one in prepared if one.size is not None)
