"""The disk and nothing else: atomic writes, job folders, inbox, lock, dataset."""
