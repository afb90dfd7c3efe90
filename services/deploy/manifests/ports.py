"""The ports of a router's pods."""

GRPC = 50051
METRICS = 9101
