"""The router's services: the only files that see transport, domain and store together."""
