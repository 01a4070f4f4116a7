"""`python -m mlipbatch`, as job scripts call it."""

from mlipbatch.cli.main import main

main()
