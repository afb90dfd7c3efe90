"""`turnout keys`: keys for callers, and `turnout whoami`: whom the suite takes you for."""
