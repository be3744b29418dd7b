"""How fast the service answers, beside others that do the same work."""
