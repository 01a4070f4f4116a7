"""What the potential is measured by: crystals' equations of state, its own against DFT's."""
