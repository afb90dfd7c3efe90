"""Makes a folder that `mlserver start` serves: `digits_server.py folder http grpc metrics`, three ports."""

import json
import sys
from pathlib import Path

import joblib
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

folder = Path(sys.argv[1])
http, grpc, metrics = map(int, sys.argv[2:5])
digits = load_digits()
model = LogisticRegression(max_iter=2000, random_state=0).fit(digits.data[:400], digits.target[:400])
joblib.dump(model, folder / "model.joblib")
told = {
    "name": "digits",
    "implementation": "mlserver_sklearn.SKLearnModel",
    "parameters": {"uri": "./model.joblib", "version": "v1"},
}
(folder / "model-settings.json").write_text(json.dumps(told))
# In its own process, for workers of its own would take seconds to start and to end.
settings = {
    "host": "127.0.0.1",
    "http_port": http,
    "grpc_port": grpc,
    "metrics_port": metrics,
    "parallel_workers": 0,
}
(folder / "settings.json").write_text(json.dumps(settings))
