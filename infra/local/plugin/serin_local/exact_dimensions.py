"""Statistics of exactly the dimensions that were asked for.

LocalStack selects a metric's rows with `LIKE '%Name=Value%'`, so that `Stage=prod` also counts `Stage=prod/Canary`, and
`ApiName=x` counts every stage of x. CloudWatch aggregates nothing: a set of dimensions is one series.
"""

import threading
from collections.abc import Callable
from typing import Any

from localstack.services.cloudwatch.cloudwatch_database_helper import CloudwatchDatabase
from localstack.utils.patch import patch

_reading_statistics = threading.local()


def install() -> None:
    """Makes statistics exact; ListMetrics goes on searching."""

    @patch(CloudwatchDatabase.get_metric_data_stat)
    def get_metric_data_stat(fn: Callable[..., Any], self: CloudwatchDatabase, *args: Any, **kwargs: Any) -> Any:
        _reading_statistics.exact = True
        try:
            return fn(self, *args, **kwargs)
        finally:
            _reading_statistics.exact = False

    @patch(CloudwatchDatabase._get_ordered_dimensions_with_separator)
    def ordered_dimensions(
        fn: Callable[..., Any], self: CloudwatchDatabase, dims: Any, for_search: bool = False
    ) -> Any:
        exact = getattr(_reading_statistics, "exact", False)
        return fn(self, dims, for_search=for_search and not exact)
