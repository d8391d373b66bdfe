"""A model that refuses a share of what it is asked, as OpenAI's Chat Completions have
it: HTTP 200, and the refusal in place of the content, plain or streamed.

    python model.py PORT SHARE

The other upstream, llmock, answers by a script: it has no share of answers that
differ. Here is no language model either; the pace is that of a quick one.
"""

import asyncio
import json
import random
import sys

import uvicorn

ANSWER = "Of course: here is what you asked for. "
REFUSAL = "I'm sorry, but I can't help with that. "
# Seconds until the first token, about the middle of those, and between two of them.
FIRST = 0.03
NEXT = 0.008


class Model:
    def __init__(self, refuses):
        self.refuses = refuses

    async def __call__(self, scope, receive, send):
        body = b""
        while True:
            event = await receive()
            if event["type"] == "http.disconnect":
                return
            body += event.get("body", b"")
            if not event.get("more_body"):
                break
        if scope["path"].endswith("/chat/completions"):
            await self.answer(json.loads(body), send)
        else:
            found = scope["path"] == "/health"
            await respond(send, {"status": "ok"} if found else {}, 200 if found else 404)

    async def answer(self, asked, send):
        refused = random.random() < self.refuses
        words = (REFUSAL if refused else ANSWER).split(" ")[:-1]
        kind = "refusal" if refused else "content"
        head = {"id": f"chatcmpl-{random.getrandbits(48):x}", "created": 0, "model": asked["model"]}
        await asyncio.sleep(random.lognormvariate(0, 0.3) * FIRST)
        if not asked.get("stream"):
            await asyncio.sleep(NEXT * len(words))
            message = {"role": "assistant", "content": None, "refusal": None}
            message[kind] = " ".join(words)
            choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
            usage = {"prompt_tokens": 12, "completion_tokens": len(words)}
            usage["total_tokens"] = sum(usage.values())
            answer = {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
            await respond(send, answer)
            return
        await begin(send, b"text/event-stream")

        async def chunk(delta, finish=None):
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
            chunk = {**head, "object": "chat.completion.chunk", "choices": [choice]}
            await piece(send, f"data: {json.dumps(chunk)}\n\n".encode())

        await chunk({"role": "assistant", kind: ""})
        for at, word in enumerate(words):
            await chunk({kind: f" {word}" if at else word})
            await asyncio.sleep(NEXT)
        await chunk({}, "stop")
        await piece(send, b"data: [DONE]\n\n", more=False)


async def respond(send, content, status=200):
    await begin(send, b"application/json", status)
    await piece(send, json.dumps(content).encode(), more=False)


async def begin(send, kind, status=200):
    headers = [(b"content-type", kind)]
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def piece(send, body, more=True):
    await send({"type": "http.response.body", "body": body, "more_body": more})


if __name__ == "__main__":
    port, refuses = int(sys.argv[1]), float(sys.argv[2])
    # Envoy keeps connections for reuse: closing one here would race with a request.
    uvicorn.run(
        Model(refuses),
        port=port,
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=3600,
    )
