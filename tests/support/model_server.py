"""A model server that is real HTTP and no model: deterministic, and it counts what it is asked."""

from __future__ import annotations

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.waiting import wait_until

#: What an answer takes, unless a test says otherwise.
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
#: An engine makes within this time the calls that a client asked for which is gone.
REST_SECONDS = 0.5
#: What a failure says, with its status in it.
REFUSAL = "told to fail with {status}"


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Let broken connections be: engines are killed."""


class _Streaming(BaseHTTPRequestHandler):
    """Gives an answer word by word, in chunks of HTTP and events of OpenAI's."""

    disable_nagle_algorithm = True  # else a word waits until the one before it was acknowledged

    def tell(self, server: ModelServer, text: str, body: dict[str, Any]) -> None:
        self._model = server.model
        try:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream; charset=utf-8")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self._tell_words(server, text, body["choices"][0]["message"]["content"])
        except OSError:
            server.hung_up.append(text)
            self.close_connection = True

    def _tell_words(self, server: ModelServer, text: str, answer: str) -> None:
        first, *others = re.findall(r"\S+\s*", answer)
        self._event({"choices": [{"delta": {"role": "assistant", "content": ""}}]})
        self._event({"choices": [{"delta": {"content": first}}]})
        server.flowing.wait(60)
        how = server.breaks.pop(text, None)
        if how == "cut":
            self.close_connection = True
            return
        if how is not None:
            self._event({"error": {"message": how}})
        for word in others:
            self._event({"choices": [{"delta": {"content": word}}]})
        self._event({"choices": [{"delta": {}, "finish_reason": "stop"}]})
        if server.usage is not None:
            self._event({"choices": [], "usage": server.usage})
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _event(self, content: dict[str, Any]) -> None:
        self._chunk(b"data: %b\n\n" % json.dumps({"model": self._model, **content}).encode())

    def _chunk(self, content: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(content), content))


class ModelServer:
    """A real OpenAI-compatible server: it counts every call, and can be told how to misbehave.

    A text's answer is the text with ``>`` before it, so that the phases it went through can be counted. It
    can hold answers back (``open``), take its time (``delay``), fail or refuse (``failures``), and end a
    connection once it has read the request (``cuts``). Asked to stream, it gives a word at a time; it can
    wait after the first (``flowing``), and break off there (``breaks``).
    """

    model = "test-model-2026"

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.answered: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.failures: dict[str, list[int]] = {}  # by text, the statuses to answer with first
        self.refusal = REFUSAL
        self.cuts: dict[str, int] = {}  # by text, how many calls to cut off first
        self.breaks: dict[str, str] = {}  # by text, how to break off after the first word: "cut" or an error
        self.hung_up: list[str] = []  # the texts whose answers nobody read to the end
        self.replies: dict[str, list[str]] = {}  # by text, what to answer first
        self.scores: dict[str, list[str]] = {}  # by answer, what to say first when asked for its score
        self.usage: dict[str, int] | None = {**USAGE}
        self.delay = 0.0
        self.held_for = 60.0  # the longest that an answer is held back
        self.streams = True
        self.retry_after = "0"
        self.open = threading.Event()
        self.open.set()
        self.flowing = threading.Event()
        self.flowing.set()
        self.in_flight = 0
        self.most_in_flight = 0
        self._lock = threading.Lock()
        self._server = _Listener(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self.open.set()
        self.flowing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def forget(self) -> None:
        """Let all that is held back go, and begin anew."""
        self.open.set()
        self.flowing.set()
        self.delay = 0.0
        self.streams = True
        self.refusal = REFUSAL
        self.usage = {**USAGE}
        wait_until(lambda: self.in_flight == 0, "nothing is asked any more")
        for kept in (self.calls, self.answered, self.headers, self.hung_up):
            kept.clear()
        for told in (self.failures, self.cuts, self.replies, self.scores, self.breaks):
            told.clear()

    def rest(self) -> None:
        """Wait until nothing is under way, nor is yet to be asked for a client that is gone."""
        since, calls = time.monotonic(), -1

        def is_at_rest() -> bool:
            nonlocal since, calls
            if self.in_flight or calls != len(self.calls):
                since, calls = time.monotonic(), len(self.calls)
            return time.monotonic() - since > REST_SECONDS

        wait_until(is_at_rest, "nothing is asked any more")

    def texts(self) -> list[str]:
        """What was asked, call by call."""
        with self._lock:
            return [_said(call) for call in self.calls]

    def reply_to(self, call: dict[str, Any], headers: dict[str, str]) -> tuple[int, dict[str, Any]] | None:
        """Answer a call, or not: None cuts its connection."""
        text = _said(call)
        with self._lock:
            self.calls.append(call)
            self.headers.append(headers)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            failures = self.failures.get(text, [])
            status = failures.pop(0) if failures else 200
            content = self._content(text)
            is_cut = self.cuts.get(text, 0) > 0
            if is_cut:
                self.cuts[text] -= 1
        if self.delay:
            time.sleep(self.delay)
        self.open.wait(self.held_for)
        with self._lock:
            self.in_flight -= 1
            self.answered.append(text)
        if is_cut:
            return None
        if status != 200:
            return status, {"error": {"message": self.refusal.format(status=status)}}
        return 200, {
            "model": self.model,
            "choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
            **({} if self.usage is None else {"usage": self.usage}),
        }

    def _content(self, text: str) -> str:
        if text.startswith("TASK:\n"):
            scores = self.scores.get(text.rpartition("ANSWER:\n")[2], [])
            return scores.pop(0) if scores else "10"
        replies = self.replies.get(text, [])
        return replies.pop(0) if replies else f">{text}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(_Streaming):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                known = self.path == "/v1/models"
                self._send(200 if known else 404, {"data": [{"id": "small"}, {"id": "large"}]})

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                content = self.rfile.read(length)
                if len(content) < length:  # the engine was killed while it asked
                    self.close_connection = True
                    return
                call = json.loads(content)
                assert self.path == "/v1/chat/completions"
                reply = server.reply_to(call, dict(self.headers))
                if reply is None:
                    self.close_connection = True
                elif call.get("stream") and reply[0] == 200 and server.streams:
                    self.tell(server, call["messages"][-1]["content"], reply[1])
                else:
                    self._send(*reply)

            def _send(self, status: int, body: dict[str, Any]) -> None:
                content = json.dumps(body).encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(content)))
                    if status != 200:
                        self.send_header("Retry-After", server.retry_after)
                    self.end_headers()
                    self.wfile.write(content)
                except OSError:
                    self.close_connection = True  # the engine was killed meanwhile

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        return Handler


def _said(call: dict[str, Any]) -> str:
    """What a call's last message says; an image may be shown beside it."""
    content = call["messages"][-1]["content"]
    return str(content if isinstance(content, str) else content[0]["text"])
