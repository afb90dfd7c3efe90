"""Which participants answer the caller's question: models are counted by these alone."""

from turnout.inference.v1 import manifest_pb2 as manifest

# The others judge, verify or rewrite.
ANSWERING = frozenset(
    {
        manifest.PARTICIPANT_ROLE_PRIMARY,
        manifest.PARTICIPANT_ROLE_CANARY,
        manifest.PARTICIPANT_ROLE_SHADOW,
        manifest.PARTICIPANT_ROLE_JUROR,
        manifest.PARTICIPANT_ROLE_FALLBACK,
        manifest.PARTICIPANT_ROLE_HEDGE,
    }
)
