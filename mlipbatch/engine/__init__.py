"""Observe, decide, act; the daemon is a clock, a lock and a heartbeat around it."""
