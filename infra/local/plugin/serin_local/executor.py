"""The Lambda executor `local`: runs `bootstrap` binaries as processes, without containers.

LocalStack makes one executor per concurrent invocation and keeps it warm, as Lambda does with execution environments.
A process that crashed or overran its timeout is replaced at the next invocation, which is then a cold start.
"""

import os
import time
from typing import TYPE_CHECKING, Any

from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin

from serin_local.runtime_api import Invocation
from serin_local.sandbox import InitError, Sandbox, log_file

if TYPE_CHECKING:
    from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor


class LocalExecutorPlugin(RuntimeExecutorPlugin):
    """What `LAMBDA_RUNTIME_EXECUTOR=local` selects."""

    name = "local"

    def load(self, *args: Any, **kwargs: Any) -> "type[RuntimeExecutor]":
        """Imports LocalStack's Lambda only now: at plugin discovery it is too early."""
        return _executor()


def _executor() -> "type[RuntimeExecutor]":
    from localstack import config
    from localstack.services.lambda_.invocation.executor_endpoint import StatusErrorException
    from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
    from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

    class LocalExecutor(RuntimeExecutor):
        """One execution environment of one version of a function."""

        _environment: dict[str, str] = {}
        _sandbox: Sandbox | None = None

        def start(self, env_vars: dict[str, str]) -> None:
            self._environment = {name: str(value) for name, value in env_vars.items() if value is not None}
            self._environment["PATH"] = os.environ.get("PATH", "")
            if endpoint := os.environ.get("SERIN_LOCAL_FUNCTION_ENDPOINT"):
                self._environment["AWS_ENDPOINT_URL"] = endpoint
            self._cold_start()

        def _cold_start(self) -> Sandbox:
            code = self.function_version.config.code
            code.prepare_for_execution()
            log = log_file(self.function_version.id.function_name)
            self._sandbox = Sandbox(code.get_unzipped_code_location(), self._environment, log)
            try:
                self._sandbox.wait_until_ready()
            except InitError as failed:
                raise StatusErrorException("init failed", payload=failed.payload) from failed
            return self._sandbox

        def stop(self) -> None:
            if self._sandbox is not None:
                self._sandbox.stop()

        def invoke(self, payload: dict[str, str]) -> InvocationResult:
            sandbox = self._sandbox
            if sandbox is None or not sandbox.is_alive:
                self.stop()
                sandbox = self._cold_start()
            timeout = self.function_version.config.timeout
            invocation = Invocation(
                id=payload["invoke-id"],
                payload=payload["payload"].encode(),
                function_arn=payload["invoked-function-arn"],
                trace_id=payload.get("trace-id", ""),
                deadline=time.time() + timeout,
            )
            logs = sandbox.invoke(invocation, timeout)
            return InvocationResult(
                request_id=invocation.id,
                payload=invocation.answer,
                is_error=invocation.failed,
                logs=logs,
                executed_version=self.function_version.id.qualifier,
            )

        def get_address(self) -> str:
            return "127.0.0.1"

        def get_endpoint_from_executor(self) -> str:
            return "127.0.0.1"

        def get_runtime_endpoint(self) -> str:
            return f"http://127.0.0.1:{config.GATEWAY_LISTEN[0].port}/_localstack_lambda/{self.id}"

        def get_logs(self) -> str:
            return log_file(self.function_version.id.function_name).read_text(encoding="utf-8", errors="replace")

        @classmethod
        def prepare_version(cls, function_version: FunctionVersion) -> None:
            function_version.config.code.prepare_for_execution()

        @classmethod
        def cleanup_version(cls, function_version: FunctionVersion) -> None:
            """Nothing: the code's folder goes with the state folder."""

    return LocalExecutor
