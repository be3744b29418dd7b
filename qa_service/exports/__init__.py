"""What a run over mail leaves for people: tables, a report, drafts, and the groups of what went unanswered."""
