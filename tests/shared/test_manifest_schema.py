"""The published JSON Schema says what bundles hold."""

from __future__ import annotations

import json
from pathlib import Path

from cxr_shared.bundle.manifest import SCHEMA_VERSION, Manifest, json_schema

PUBLISHED = Path(__file__).parents[2] / "docs" / "manifest.schema.json"


def test_the_published_schema_is_the_models() -> None:
    assert json.loads(PUBLISHED.read_text("utf-8")) == json_schema(), (
        "the manifest changed: run `cxr-export schema > docs/manifest.schema.json`"
    )


def test_the_schema_names_every_field_and_the_version() -> None:
    schema = json_schema()
    assert set(schema["properties"]) == set(Manifest.model_fields)
    assert schema["properties"]["schema_version"]["default"] == SCHEMA_VERSION
    assert "sha256" in schema["$defs"]["ModelFile"]["required"]
