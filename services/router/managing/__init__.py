"""What people do to routers and models: checked, written, brought to every replica."""
