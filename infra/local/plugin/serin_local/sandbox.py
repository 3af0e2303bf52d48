"""One running `bootstrap` with its Runtime API and its log."""

import itertools
import json
import os
import subprocess
import threading
import time
from pathlib import Path

from serin_local.runtime_api import Invocation, RuntimeApi


class InitError(Exception):
    """The process ended, or reported an error, before it asked for work; `payload` is Lambda's answer."""

    def __init__(self, payload: bytes) -> None:
        super().__init__(payload.decode(errors="replace"))
        self.payload = payload


_numbers = itertools.count(1)

# The processes that may still run.
_running: set[subprocess.Popen[bytes]] = set()


def end_all() -> None:
    """Ends every process and waits for it."""
    processes = list(_running)
    for process in processes:
        process.kill()
    for process in processes:
        process.wait()


def error(kind: str, message: str) -> bytes:
    """An error as Lambda words it."""
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


class Sandbox:
    """A process that serves one invocation at a time until it is stopped, exits or overruns its timeout."""

    # Lambda's own limit of the init phase.
    INIT_SECONDS = 10

    def __init__(self, folder: Path, environment: dict[str, str], log: Path) -> None:
        self._api = RuntimeApi()
        self._log = log
        self._lines: list[str] = []
        bootstrap = folder / "bootstrap"
        bootstrap.chmod(0o755)
        name = f"{log.stem}.{next(_numbers)}"
        own = {
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "LAMBDA_TASK_ROOT": str(folder),
            # The SDK says it in its user agent: a proxy can tell who calls.
            "AWS_SDK_UA_APP_ID": name,
        }
        self._process = subprocess.Popen(
            [str(bootstrap)],
            cwd=folder,
            env=environment | own,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        _running.add(self._process)
        if processes := os.environ.get("SERIN_LOCAL_PROCESSES"):
            Path(processes, name).write_text(str(self._process.pid), encoding="ascii")
        threading.Thread(target=self._follow, name=f"serin-log-{log.stem}", daemon=True).start()

    def wait_until_ready(self) -> None:
        """Returns when the process has asked for work for the first time."""
        if not self._api.ready.wait(self.INIT_SECONDS):
            self.stop()
            raise InitError(error("Sandbox.Timedout", f"init took longer than {self.INIT_SECONDS} s"))
        if self._api.init_error is not None:
            self.stop()
            raise InitError(self._api.init_error)
        if not self.is_alive:
            self.stop()
            raise InitError(error("Runtime.ExitError", f"Error: Runtime exited {self._ending()}"))

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def invoke(self, invocation: Invocation, timeout: float) -> str:
        """Runs one invocation to its end and returns what was logged meanwhile."""
        self._lines = []
        self._write(f"START RequestId: {invocation.id}\n")
        started = time.perf_counter()
        self._api.hand_out(invocation)
        if not invocation.done.wait(timeout):
            message = f"RequestId: {invocation.id} Error: Task timed out after {timeout:.2f} seconds"
            invocation.end(error("Sandbox.Timedout", message), failed=True)
            self._process.kill()
        # What it logged before it answered has arrived once it polls again.
        self._api.ready.wait(0.01)
        duration = (time.perf_counter() - started) * 1000
        self._write(f"END RequestId: {invocation.id}\n")
        self._write(f"REPORT RequestId: {invocation.id}\tDuration: {duration:.2f} ms\n")
        return "".join(self._lines)

    def stop(self) -> None:
        """Ends process and server."""
        self._process.kill()
        self._process.wait()
        _running.discard(self._process)
        self._api.close()

    def _ending(self) -> str:
        status = self._process.returncode
        return f"with error: signal {-status}" if status < 0 else f"with error: exit status {status}"

    def _follow(self) -> None:
        output = self._process.stdout
        for line in output or ():
            self._write(line.decode(errors="replace"))
        self._process.wait()
        self._api.fail_current(lambda id: error("Runtime.ExitError", f"RequestId: {id} Error: Runtime exited {self._ending()}"))

    def _write(self, line: str) -> None:
        self._lines.append(line)
        with self._log.open("a", encoding="utf-8") as log:
            log.write(line)


def log_file(function_name: str) -> Path:
    """Where a person reads what a function said."""
    folder = Path(os.environ.get("SERIN_LOCAL_LOGS", "logs"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{function_name}.log"
