"""What full panels tell of their members: who differs from whom, from the verdict, and at what cost."""
