"""A: structures made without DFT."""
