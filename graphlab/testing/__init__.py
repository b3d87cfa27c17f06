"""Contract tests for whoever offers a reader, a language, an engine or another part: subclass one, pytest runs it.

May import every room; nothing imports it. See ``docs/extending.md``.
"""

from graphlab.testing.embedding_engine import EmbeddingEngineContract
from graphlab.testing.event_sources import EventSourceContract
from graphlab.testing.executor import ExecutorContract
from graphlab.testing.language import LanguageContract
from graphlab.testing.null_models import NullModelContract
from graphlab.testing.predictors import PredictorContract, TaskContract
from graphlab.testing.reader import ReaderContract
from graphlab.testing.report_sections import ReportSectionContract
from graphlab.testing.statistics import StatisticContract

__all__ = [
    "EmbeddingEngineContract",
    "EventSourceContract",
    "ExecutorContract",
    "LanguageContract",
    "NullModelContract",
    "PredictorContract",
    "ReaderContract",
    "ReportSectionContract",
    "StatisticContract",
    "TaskContract",
]
