"""Mail: from the bytes of a message to its questions, and from their results to a draft."""
