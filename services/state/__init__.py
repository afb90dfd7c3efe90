"""What the services share in Redis: keys, connection, scripts, and one file per noun."""
