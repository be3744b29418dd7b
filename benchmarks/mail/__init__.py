"""How well mail is answered, and how fast."""
