"""D: ACE on top of ZBL."""
