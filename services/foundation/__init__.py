"""How a process of the suite runs: server, client, errors, settings, telemetry. No domain knowledge lives
here."""
