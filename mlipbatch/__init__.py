"""mlipbatch: from a material and a goal to a tested interatomic potential, on the batch cluster you already have."""

__version__ = "0.1.0"
