"""A server of the OpenAI protocol on this machine that answers as a test says, and misbehaves as a test says."""

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic


@dataclass
class Response:
    """What is sent: `announced` is the Content-Length, and `held` stands for a server that never ends its response."""

    status: int = 200
    body: bytes = b""
    headers: dict = field(default_factory=dict)
    announced: int | None = None
    held: bool = False


def said(text, *, prompt_tokens=10, completion_tokens=5, **choice):
    """Return the response of a chat endpoint that answers with a text."""
    value = {
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop", **choice}],
        "usage": {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens},
    }
    return Response(body=json.dumps(value).encode())


def failed(status, message="", **headers):
    """Return a response with an error object."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, body=json.dumps({"error": {"message": message}}).encode(), headers=headers)


class ModelServer(ThreadingHTTPServer):
    """Calls `answer(body, number)` for each request, the numbers from 0; keeps what was asked."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, answer):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.bodies, self.headers, self.paths, self.times = [], [], [], []
        self.under_way = self.most_under_way = 0
        self.lock = threading.Lock()
        self.released = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request, client_address):
        """Be silent about clients that were killed."""

    def asked_for(self):
        """Return the last message, or the prompt, of each request."""
        return [body["messages"][-1]["content"] if "messages" in body else body["prompt"] for body in self.bodies]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            number = len(server.bodies)
            server.bodies.append(body)
            server.headers.append(dict(self.headers))
            server.paths.append(self.path)
            server.times.append(monotonic())
            server.under_way += 1
            server.most_under_way = max(server.most_under_way, server.under_way)
        try:
            self.send(server.answer(body, number))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with server.lock:
                server.under_way -= 1

    def send(self, response):
        self.send_response(response.status)
        length = len(response.body) if response.announced is None else response.announced
        for name, value in {"Content-Length": str(length), **response.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response.body)
        self.wfile.flush()
        if response.held:
            self.server.released.wait(60)
        if response.announced is not None:
            self.close_connection = True

    def log_message(self, *arguments):
        pass


@contextmanager
def serving(answer):
    """Run a server for as long as the block."""
    server = ModelServer(answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
