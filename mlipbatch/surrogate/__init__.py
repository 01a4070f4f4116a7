"""B: what a foundation model throws away."""
