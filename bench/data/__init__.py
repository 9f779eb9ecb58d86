"""Data sets: the sample schema, loading and hashing, and what is asked of a system."""

from __future__ import annotations

from bench.data.ask import AskedQuestion, AskRules, to_questions
from bench.data.dataset import Dataset, load_dataset, save_dataset
from bench.data.schema import Part, Sample, Turn

__all__ = [
    "AskRules",
    "AskedQuestion",
    "Dataset",
    "Part",
    "Sample",
    "Turn",
    "load_dataset",
    "save_dataset",
    "to_questions",
]
