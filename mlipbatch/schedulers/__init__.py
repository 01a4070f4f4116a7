"""Batch schedulers, and the local machine as one of them."""
