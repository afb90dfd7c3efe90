"""A gRPC client for small unary calls in the clear: a quarter of a prediction cheaper than grpc.aio's.

link.py decides which calls it carries, and leaves all others to grpc.aio; session.py is one connection;
headers.py and huffman.py read and write header blocks; frames.py is the table of the wire format.
"""
