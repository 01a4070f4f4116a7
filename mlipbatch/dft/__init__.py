"""C: input, diagnosis, recovery and results of DFT codes."""
