"""input.yaml, config.yaml, site configs: pydantic models, unknown keys refused, every field with its unit."""
