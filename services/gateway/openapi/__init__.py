"""The contract as an OpenAPI document: what REST takes and answers."""
