"""B: the most diverse structures, by farthest point sampling."""
