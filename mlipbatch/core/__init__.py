"""Nouns and pure rules: states, transitions, failures, ladders."""
