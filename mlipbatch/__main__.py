"""`python -m mlipbatch`, as job scripts call it."""

from mlipbatch.cli.main import main

if __name__ == "__main__":  # not where a process that it started imports it
    main()
