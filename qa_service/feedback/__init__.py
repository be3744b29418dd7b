"""What is kept of the service's use: votes, figures of each day and, where that is wanted, questions without an answer."""
