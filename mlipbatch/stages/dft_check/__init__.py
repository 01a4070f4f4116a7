"""Is DFT itself converged? Scans of cutoff, k-spacing and smearing on a few structures, and forces against finite differences.

`structures` says which structures, `plan` and `differences` which labels, `judge` and `advice` what they come to (all four pure);
`summary` writes it.
"""
