"""A cluster in virtual time: the engine that moves real jobs is tried, and timed, against it. Days pass in seconds."""
