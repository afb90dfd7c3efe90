"""Three years of census data pass by a model that was trained on the year before: `make story-drift`."""
