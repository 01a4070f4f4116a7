"""What the potential is measured by."""
