"""The Lambda Runtime API for one process: what a `bootstrap` binary polls and answers.

GET next, POST response, POST error and POST init/error of version 2018-06-01, on a loopback port of its own. One
invocation at a time, as in Lambda: more at once are more processes.
"""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Invocation:
    """One call of the function and, once `done` is set, its outcome."""

    id: str
    payload: bytes
    function_arn: str
    trace_id: str
    deadline: float
    done: threading.Event = field(default_factory=threading.Event)
    answer: bytes = b""
    failed: bool = False

    def end(self, answer: bytes, failed: bool) -> None:
        """Records the outcome; the first one counts."""
        if not self.done.is_set():
            self.answer, self.failed = answer, failed
            self.done.set()


class RuntimeApi:
    """Serves one process; `ready` is set whenever that process waits for work."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.init_error: bytes | None = None
        self._next: queue.Queue[Invocation | None] = queue.Queue()
        self._current: Invocation | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> str:
        """The value of AWS_LAMBDA_RUNTIME_API."""
        return f"127.0.0.1:{self._server.server_port}"

    def hand_out(self, invocation: Invocation) -> None:
        """Gives the invocation to the process at its next poll."""
        self._current = invocation
        self.ready.clear()
        self._next.put(invocation)

    def fail_current(self, answer: Callable[[str], bytes]) -> None:
        """Ends what is under way, if anything is: the process is gone. `answer` gets the request id."""
        if self._current is not None:
            self._current.end(answer(self._current.id), failed=True)
        self.ready.set()

    def close(self) -> None:
        """Stops serving; a poll that hangs is answered, so that no thread is left."""
        self._next.put(None)
        self._server.shutdown()
        self._server.server_close()

    def poll(self) -> Invocation | None:
        """The process asks for work."""
        self.ready.set()
        return self._next.get()

    def report(self, path: str, body: bytes) -> int:
        """The process reports; returns the status to answer with."""
        if path.endswith("/runtime/init/error"):
            self.init_error = body
            self.ready.set()
            return 202
        *_, request_id, outcome = path.split("/")
        current = self._current
        if current is None or current.id != request_id or outcome not in ("response", "error"):
            return 400
        current.end(body, failed=outcome == "error")
        return 202


def _handler(api: RuntimeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """HTTP only; what it means is in RuntimeApi."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self) -> None:
            if not self.path.endswith("/runtime/invocation/next"):
                return self._answer(404)
            invocation = api.poll()
            if invocation is None:
                self.close_connection = True
                return self._answer(503)
            self._answer(200, invocation.payload, _headers(invocation))

        def do_POST(self) -> None:
            chunked = self.headers.get("Transfer-Encoding", "").lower() == "chunked"
            length = int(self.headers.get("Content-Length") or 0)
            body = self._read_chunks() if chunked else self.rfile.read(length)
            self._answer(api.report(self.path, body), b"{}")

        def _read_chunks(self) -> bytes:
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass  # trailers
            return body

        def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing: the function's own log is what people read."""

    return Handler


def _headers(invocation: Invocation) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "Lambda-Runtime-Aws-Request-Id": invocation.id,
        "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
        "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
        "Lambda-Runtime-Trace-Id": invocation.trace_id,
    }
