"""E: molecular dynamics with gamma on every atom."""
