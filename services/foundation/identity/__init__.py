"""Who calls: API keys, tokens, certificates, and the suite's own processes."""
