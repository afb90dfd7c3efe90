"""What a router or a model must look like before it is stored, and the defaults that its echo shows."""
