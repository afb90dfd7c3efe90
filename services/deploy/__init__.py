"""Routers with pods of their own: what is applied to Kubernetes, what came of it, and who sees to it.

`manifests/` and `rollout/` are pure; `server.py` is the only file that talks to an API server, with the
official client, which is imported when the first request is made.
"""
