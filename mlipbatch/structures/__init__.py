"""A: structures made without DFT (SPEC 3).

A new generator is one function under `@generator`, in a file that `generate` imports.
"""

from mlipbatch.structures.generate import generate, generate_from_structures
from mlipbatch.structures.registry import GENERATORS

__all__ = ["GENERATORS", "generate", "generate_from_structures"]
