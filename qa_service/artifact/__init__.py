"""An index version: a folder of files that never changes, and the pointer to the one that serves."""
