"""What the suite is shown with: a fleet of model servers, and a demo that tells the main job as a story."""
