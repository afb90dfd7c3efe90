"""What a prediction costs, against floors measured in the same run."""
