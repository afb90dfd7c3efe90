"""`turnout models test`: is it there, and what does it say of itself?"""

from typing import Annotated, Any

import typer
from google.protobuf.json_format import Parse, ParseError
from rich.console import Group, RenderableType
from rich.text import Text
from turnout.inference.v1.input_pb2 import Input
from turnout.router.v1 import model_service_pb2 as rpc

from services.cli import tables
from services.cli.connecting import ERROR, Suite, carry_out
from services.cli.models.options import Name
from services.cli.options import RouterServer, Shape
from services.cli.speech import Output, document, plain, tell
from services.cli.told import answers


def probe(
    name: Name,
    input_: Annotated[
        str, typer.Option("--input", "-i", metavar="JSON", help='What to ask it: {"row": {"amount": 12.5}}.')
    ] = "",
    server: RouterServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """Call a model as a router would: is it ready, how fast, which tensors does it say it has?

    Ends with 1 when it is not ready.
    """
    request = rpc.ProbeModelRequest(name=name)
    if input_:
        try:
            request.input.CopyFrom(Parse(input_, Input()))
        except ParseError as wrong:
            raise typer.BadParameter(f"--input: {wrong}") from None

    async def probed(suite: Suite) -> Any:
        return await suite.ask("ProbeModel", request)

    reply = carry_out("models", server, probed)
    if output is Output.TABLE:
        tables.show(view(name, reply))
    else:
        tell(document(reply), output)
    if not reply.ready:
        raise typer.Exit(ERROR)


def view(name: str, reply: rpc.ProbeModelResponse) -> RenderableType:
    """Whether it answers, and its tensors."""
    if not reply.ready:
        return Text.assemble(
            (plain(name), "bold"), " is ", ("not ready", "bold red"), f": {plain(reply.message)}"
        )
    took = reply.latency.ToTimedelta().total_seconds() * 1000
    parts: list[RenderableType] = [
        Text.assemble((plain(name), "bold"), " is ", ("ready", "green"), f"; it took {took:.1f} ms")
    ]
    if reply.HasField("output"):
        parts.append(Text(f"answers {plain(answers.whole(reply.output))}"))
    if reply.inputs or reply.outputs:
        table = tables.columns("", "tensor", "type", "shape")
        for what, tensors in (("reads", reply.inputs), ("says", reply.outputs)):
            for one in tensors:
                shape = " × ".join("any" if size < 0 else str(size) for size in one.shape)
                table.add_row(what, tables.name(one.name), one.datatype, shape)
        parts.append(table)
    return Group(*parts)
