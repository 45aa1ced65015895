"""The parts of the contract that OpenAPI cannot express, for Schemathesis: see `scripts/test-contract.ts`."""

import schemathesis
from hypothesis import strategies
from schemathesis.openapi.checks import EnsureResourceAvailability, RejectedPositiveData

ENVELOPE = "application/vnd.kafka."
LINES = "application/x-ndjson"

schemathesis.openapi.format("jsonata", strategies.sampled_from(["total > 100", "key = 'a'", "true"]))


@schemathesis.serializer(LINES)
def serialize_lines(ctx, value):
    """Encodes lines, which are text. For values of other types, which tests of invalid data generate, the body is empty."""
    return value.encode() if isinstance(value, str) else None


def has_foreign_parameter(case):
    """Whether the query has a parameter that the format of the body does not have."""
    query = case.query or {}
    media_type = case.media_type or ""
    return bool(query) if media_type.startswith(ENVELOPE) else "onError" in query and media_type != LINES


@schemathesis.hook
def filter_case(context, case):
    """Applies to generated cases; those of the phase `examples` are filtered after they failed."""
    return not has_foreign_parameter(case)


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """A foreign parameter is refused, and a topic without a schema has no resource `schema`."""
    if isinstance(failure, RejectedPositiveData):
        return not (response.status_code == 400 and has_foreign_parameter(case))
    if isinstance(failure, EnsureResourceAvailability):
        return not case.operation.path.endswith("/schema")
    return True
