"""E: periodic boxes cut around uncertain atoms."""
