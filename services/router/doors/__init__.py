"""The Open Inference Protocol in front of routers: to its clients, a router is a model.

`questions` reads what they send, `replies` writes what they get, and between the two everything is as for
`Predict`. `descriptions` says what a router takes and gives, `listing` which routers there are.
"""
