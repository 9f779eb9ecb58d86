"""The sample schema as JSON Schema (draft 2020-12), for who writes data sets with other tools.

The file is made from the models and kept beside them; a test holds the two equal. It says what a sample's
fields are; what must hold between them is what `dsb data validate` checks besides.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.data.schema import SCHEMA, Sample

__all__ = ["FILE", "json_schema", "schema_text"]

FILE = Path(__file__).with_name("dsb.sample-1.schema.json")
"""As it is shipped."""


def json_schema() -> dict[str, Any]:
    """A schema for a file of samples: an object with the list under `samples`, or the bare list."""
    made = Sample.model_json_schema(mode="validation")
    parts = made.pop("$defs")
    samples = {"type": "array", "items": {"$ref": "#/$defs/Sample"}, "minItems": 1}
    text = {"type": "string"}
    document = {
        "type": "object",
        "required": ["samples"],
        "properties": {
            "schema": {"const": SCHEMA},
            "name": text,
            "errata": text | {"description": "Version of the errata overlay that was applied; empty: none."},
            "root": text | {"description": "Where videos' paths start, seen from the file's folder."},
            "samples": samples,
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:dsb:sample:1",
        "title": f"A data set of {SCHEMA}",
        "anyOf": [document, samples],
        "$defs": {"Sample": made, **parts},
    }


def schema_text() -> str:
    """The file's content."""
    return json.dumps(json_schema(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
