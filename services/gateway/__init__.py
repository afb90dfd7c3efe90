"""The front door: one Envoy before every service. Its configuration is made here, from settings and contract;
it serves REST, gRPC-Web and gRPC on one port."""

# Which cluster serves the services of a package. A package that is missing here has no way in.
PACKAGES = {
    "turnout.router.v1": "router",
    "inference": "router",
    "turnout.aggregator.v1": "aggregator",
    "turnout.feedback.v1": "feedback",
    "turnout.drift.v1": "drift",
}
