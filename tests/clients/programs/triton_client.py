"""What an unmodified tritonclient sees: `triton_client.py host:port`, JSON on the standard output."""

import json
import queue
import sys
from typing import Any

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

client = triton.InferenceServerClient(sys.argv[1])


def question(columns: int = 2) -> list[Any]:
    given = triton.InferInput("input", [1, columns], "FP64")
    given.set_data_from_numpy(np.array([[14.2, 20.1, 1.0][:columns]]))
    return [given]


def parameters(reply: Any) -> dict[str, Any]:
    return {
        name: getattr(one, one.WhichOneof("parameter_choice"))
        for name, one in reply.get_response().parameters.items()
    }


def failure(work: Any) -> dict[str, str]:
    try:
        work()
    except InferenceServerException as error:
        return {"status": str(error.status()), "message": error.message()}
    raise AssertionError("it should have failed")


def streamed() -> list[dict[str, Any]]:
    replies: queue.Queue[tuple[Any, Any]] = queue.Queue()
    client.start_stream(callback=lambda result, error: replies.put((result, error)))
    for number, columns in enumerate((2, 3, 2)):
        client.async_stream_infer("cancer", question(columns), request_id=str(number))
    found = [replies.get(timeout=20) for _ in range(3)]
    client.stop_stream()
    return [
        {"error": error.message()} if error else {"id": result.get_response().id, **parameters(result)}
        for result, error in found
    ]


reply = client.infer(
    "cancer", question(), request_id="mine", parameters={"turnout_manifest": True}, sequence_id=7
)
wanted = client.infer("cancer", question(), outputs=[triton.InferRequestedOutput("predict_proba")])
headed = client.infer("cancer", question(), headers={"x-turnout-manifest": "true"})
sys.stdout.write(
    json.dumps(
        {
            "live": client.is_server_live(),
            "ready": client.is_server_ready(),
            "model_ready": client.is_model_ready("cancer"),
            "server": client.get_server_metadata(as_json=True),
            "model": client.get_model_metadata("cancer", as_json=True),
            "index": client.get_model_repository_index(as_json=True),
            "id": reply.get_response().id,
            "predict": reply.as_numpy("predict").tolist(),
            "predict_proba": reply.as_numpy("predict_proba").tolist(),
            "parameters": parameters(reply),
            "wanted": [one.name for one in wanted.get_response().outputs],
            "wanted_proba": wanted.as_numpy("predict_proba").tolist(),
            "headed": sorted(parameters(headed)),
            "stream": streamed(),
            "unknown": failure(lambda: client.infer("nobody", question())),
            "misfit": failure(lambda: client.infer("cancer", question(3))),
            "failing": failure(lambda: client.infer("failing", question(1))),
            "load": failure(lambda: client.load_model("cancer")),
            "unload": failure(lambda: client.unload_model("cancer")),
            "statistics": failure(lambda: client.get_inference_statistics("cancer")),
            "config": failure(lambda: client.get_model_config("cancer")),
            "timeout": failure(lambda: client.infer("hanging", question(), client_timeout=0.3)),
            "budget": failure(lambda: client.infer("hanging", question(), timeout=200_000)),
        }
    )
)
client.close()
