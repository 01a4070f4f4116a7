"""Which jobs should exist: the science of the loop, with no scheduler in it."""
