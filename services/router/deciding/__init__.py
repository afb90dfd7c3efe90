"""From a configuration to a decision: plans, routes, shares, and the pick."""
