"""A scripted model that refuses a share of its requests, as OpenAI's Chat Completions do:
HTTP 200 with a refusal instead of the content, streamed or not.

    python model.py PORT SHARE [good|worse]

With a third argument it answers the demo's questions by answers.py: well, or worse in half of its
answers. llmock, the other upstream of the demo, cannot refuse a share of its requests. The pace of the
answers is that of a quick language model.
"""

import asyncio
import json
import random
import sys

import uvicorn

from answers import ANSWERS

ANSWER = "Of course: here is what you asked for. "
REFUSAL = "I'm sorry, but I can't help with that. "
# The median time to the first token, and the time between two tokens, in seconds.
FIRST_TOKEN_S = 0.03
NEXT_TOKEN_S = 0.008
# The share of worse answers of a model that answers worse.
WORSE_SHARE = 0.5


class Model:
    def __init__(self, refusal_share, quality=None):
        self.refusal_share = refusal_share
        self.quality = quality

    async def __call__(self, scope, receive, send):
        body = await read_body(receive)
        if body is None:
            return
        if scope["path"].endswith("/chat/completions"):
            await self.answer(json.loads(body), send)
        else:
            found = scope["path"] == "/health"
            await respond(send, {"status": "ok"} if found else {}, 200 if found else 404)

    async def answer(self, request, send):
        refused = random.random() < self.refusal_share
        words = (REFUSAL if refused else self.text(request)).split(" ")[:-1]
        field = "refusal" if refused else "content"
        head = {"id": f"chatcmpl-{random.getrandbits(48):x}", "created": 0, "model": request["model"]}
        await asyncio.sleep(random.lognormvariate(0, 0.3) * FIRST_TOKEN_S)
        if not request.get("stream"):
            await asyncio.sleep(NEXT_TOKEN_S * len(words))
            message = {"role": "assistant", "content": None, "refusal": None}
            message[field] = " ".join(words)
            choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
            usage = {"prompt_tokens": 12, "completion_tokens": len(words)}
            usage["total_tokens"] = sum(usage.values())
            answer = {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
            await respond(send, answer)
            return
        await start_response(send, b"text/event-stream")

        async def chunk(delta, finish=None):
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
            chunk = {**head, "object": "chat.completion.chunk", "choices": [choice]}
            await send_chunk(send, f"data: {json.dumps(chunk)}\n\n".encode())

        await chunk({"role": "assistant", field: ""})
        for at, word in enumerate(words):
            await chunk({field: f" {word}" if at else word})
            await asyncio.sleep(NEXT_TOKEN_S)
        await chunk({}, "stop")
        await send_chunk(send, b"data: [DONE]\n\n", more=False)


    def text(self, request):
        """The text of an answer, with a blank at its end."""
        answers = ANSWERS.get(request["messages"][-1]["content"]) if self.quality else None
        if not answers:
            return ANSWER
        is_worse = self.quality == "worse" and random.random() < WORSE_SHARE
        return answers["worse" if is_worse else "good"] + " "


async def read_body(receive):
    """The body of a request; None if the client has left."""
    body = b""
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            return None
        body += event.get("body", b"")
        if not event.get("more_body"):
            return body


async def respond(send, content, status=200):
    await start_response(send, b"application/json", status)
    await send_chunk(send, json.dumps(content).encode(), more=False)


async def start_response(send, content_type, status=200):
    headers = [(b"content-type", content_type)]
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def send_chunk(send, body, more=True):
    await send({"type": "http.response.body", "body": body, "more_body": more})


if __name__ == "__main__":
    port, refusal_share, *quality = int(sys.argv[1]), float(sys.argv[2]), *sys.argv[3:]
    # Closing an idle connection would race with a request that Envoy sends on it.
    uvicorn.run(
        Model(refusal_share, *quality),
        port=port,
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=3600,
    )
