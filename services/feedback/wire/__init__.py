"""Between messages and what feedback computes with: routers, records, requests, snapshots."""
