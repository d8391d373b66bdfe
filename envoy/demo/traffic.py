"""Chat traffic of many users, by OpenAI's client."""

import asyncio
import random
import time
from collections import Counter

from openai import AsyncOpenAI, DefaultAsyncHttpxClient

from processes import TIMEOUT_S

# The maximum number of open requests. On a machine that is too busy for the rate, requests are
# delayed instead of piling up until they fail.
MAX_OPEN_REQUESTS = 60
QUESTIONS = [
    "How do I reset my password?",
    "Summarise our refund policy in two sentences.",
    "Write a haiku about copper turning green.",
    "What is the capital of Australia?",
]


class Traffic:
    """Chat requests of many users to one Envoy or several, and their results."""

    def __init__(self, urls, users, rate):
        self.clients = {url: new_client(url) for url in urls}
        # The Envoys that get new requests, as a load balancer selects them.
        self.urls = list(urls)
        self.users = [f"user-{number:04}" for number in range(users)]
        self.rate = rate
        # The version and the time of the last answer to each user.
        self.last = {}
        self.moves = Counter()
        self.is_growing = True
        # The number of users that returned to blue while green's share grew.
        self.returned = 0
        self.answers = Counter()
        self.failures = []
        # The number of requests that were open in an Envoy when it was killed.
        self.cut_off = 0
        self.examples = {}

    async def run(self):
        pending = set()
        try:
            while True:
                if len(pending) >= MAX_OPEN_REQUESTS:
                    await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                    continue
                task = asyncio.create_task(self.send_chat(random.choice(self.users)))
                pending.add(task)
                task.add_done_callback(pending.discard)
                await asyncio.sleep(random.expovariate(self.rate))
        finally:
            await asyncio.gather(*pending)

    async def send_chat(self, user):
        stream = random.random() < 0.5
        url = random.choice(self.urls)
        sent = time.monotonic()
        try:
            raw = await self.clients[url].chat.completions.with_raw_response.create(
                model="gpt-4o-mini",
                messages=[{"role": "user", "content": random.choice(QUESTIONS)}],
                stream=stream,
                extra_headers={"x-user-id": user},
            )
            version = raw.headers["x-verdigris-version"]
            answer = raw.parse()
            if stream:
                chunks = [chunk async for chunk in answer]
                deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
                text = "".join(delta.content or delta.refusal or "" for delta in deltas)
            else:
                message = answer.choices[0].message
                text = message.content or message.refusal
            if not text:
                raise ValueError("an empty answer")
        except Exception as error:  # every exception is a failed chat
            if url in self.urls:
                self.failures.append(f"{user}: {error!r}")
            else:
                self.cut_off += 1
            return
        self.answers["streamed" if stream else "plain"] += 1
        self.examples[version] = text
        self.record_version(user, version, sent)

    def record_version(self, user, version, sent):
        previous, answered = self.last.get(user, (version, sent))
        self.last[user] = version, time.monotonic()
        if previous == version:
            return
        self.moves[f"to {version}"] += 1
        # The order of two concurrent answers is not significant.
        if self.is_growing and version == "blue" and sent > answered:
            self.returned += 1

    def summary(self):
        """The numbers of answers and failures."""
        plain, streamed = self.answers["plain"], self.answers["streamed"]
        return f"{plain} plain and {streamed} streamed answers, {len(self.failures)} failed"

    async def close(self):
        for client in self.clients.values():
            await client.close()


def new_client(url):
    # The proxies of the environment must not be used for local addresses.
    return AsyncOpenAI(
        base_url=f"{url}/v1",
        api_key="demo",
        max_retries=0,
        timeout=TIMEOUT_S,
        http_client=DefaultAsyncHttpxClient(trust_env=False),
    )
