"""Runs over many mails: what is done is on the disk, and a run that was killed goes on where it was."""
