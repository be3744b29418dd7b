"""Find the official answer to a question asked in one's own words, or say that there is none."""

__version__ = "0.1.0"
