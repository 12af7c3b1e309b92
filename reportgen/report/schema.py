"""The JSON Schema of report.json, for whoever reads it without reportgen.

Made from the document itself, so it cannot say anything else than what is written. The copy in docs/schema/ is published, and a test
holds it. What analyses add to the report and to its images, under their own names, is allowed and not described.
"""

from __future__ import annotations

import json

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema

from reportgen.report.document import Report

VERSION = 1
DIALECT = "https://json-schema.org/draft/2020-12/schema"
ID = f"urn:reportgen:schema:report:{VERSION}"


class _WithoutTitles(GenerateJsonSchema):
    """A title that only repeats the field's name says nothing."""

    schema_dialect = DIALECT

    def field_title_should_be_set(self, schema: CoreSchema) -> bool:
        return False


def report_schema() -> JsonSchemaValue:
    """The schema as JSON data: what is written (`mode="serialization"`), keys in a stable order.

    A key that has a default is not required: what was written before that key was there remains valid.
    """
    made = Report.model_json_schema(mode="serialization", schema_generator=_WithoutTitles)
    head = {"$schema": DIALECT, "$id": ID, "title": f"report.json of reportgen, schema version {VERSION}"}
    definitions = made.pop("$defs")
    rest = {key: made[key] for key in sorted(made) if key not in head}
    return {**head, **rest, "$defs": {name: definitions[name] for name in sorted(definitions)}}


def schema_json() -> str:
    """The schema's text, as it is printed and published."""
    return json.dumps(report_schema(), indent=1, ensure_ascii=False) + "\n"
