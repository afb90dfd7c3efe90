"""What a person sees who opens the gateway in a browser: every path, by service."""

from html import escape
from typing import Any

_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Turnout</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; } td { padding: .2rem .8rem .2rem 0; vertical-align: top; }
code { font-size: 13px; white-space: nowrap; } h2 { margin-top: 2rem; } td:first-child { width: 4rem; }
@media (prefers-color-scheme: dark) { body { background: #111; color: #ddd; } a { color: #8bf; } }
</style></head><body>
<h1>Turnout</h1>
<p>REST, gRPC and gRPC-Web on one port. The contract: <a href="/openapi.json">openapi.json</a>, or by
reflection (<code>grpcurl -plaintext HOST:PORT list</code>). Health: <a href="/healthz">healthz</a>.</p>
"""


def page(document: dict[str, Any]) -> str:
    """The page, of an OpenAPI document."""
    rows: dict[str, list[str]] = {tag["name"]: [] for tag in document["tags"]}
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            row = f"<td><code>{verb.upper()}</code></td><td><code>{escape(path)}</code></td>"
            row += f"<td>{escape(operation['summary'])}</td>"
            rows[operation["tags"][0]].append(f"<tr>{row}</tr>")
    parts = [_HEAD]
    for tag in document["tags"]:
        parts.append(f"<h2>{escape(tag['name'])}</h2><p>{escape(tag['description'])}</p>")
        parts.append(f"<table>{''.join(rows[tag['name']])}</table>")
    return "\n".join([*parts, "</body></html>\n"])
