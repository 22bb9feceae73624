"""Training that is spread over processes: what each tells the others, and what that adds up to."""
