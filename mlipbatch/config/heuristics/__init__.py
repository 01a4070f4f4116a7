"""Every derived value: one small function each, returning the value and the reason for it."""
