"""The parts of the contract that OpenAPI cannot express, for Schemathesis: see `scripts/test-contract.ts`."""

import schemathesis
from hypothesis import strategies
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import EnsureResourceAvailability, JsonSchemaError, RejectedPositiveData

ENVELOPE = "application/vnd.kafka."
LINES = "application/x-ndjson"

schemathesis.openapi.format("jsonata", strategies.sampled_from(["total > 100", "key = 'a'", "true"]))


@schemathesis.serializer(LINES)
def serialize_lines(ctx, value):
    """Encodes lines, which are text. For values of other types, which tests of invalid data generate, the body is empty."""
    return value.encode() if isinstance(value, str) else None


def has_foreign_parameter(case):
    """Whether the query has a parameter that envelopes do not have: openapi-compat.yaml describes all formats in one operation."""
    return (case.media_type or "").startswith(ENVELOPE) and bool(set(case.query or {}) - {"onError"})


def has_null_member(value):
    """Whether an object has a member that is null. Onramp treats it as absent, and openapi.yaml does not describe it."""
    if isinstance(value, dict):
        return any(member is None or has_null_member(member) for member in value.values())
    return isinstance(value, list) and any(has_null_member(item) for item in value)


@schemathesis.hook
def filter_case(context, case):
    """Applies to generated cases; those of the phase `examples` are filtered after they failed."""
    return not has_foreign_parameter(case)


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Drops the failures that are none:

    - An envelope refuses the parameters of other formats.
    - Onramp treats a member that is null as absent.
    - The contract describes its documents as text, which Schemathesis parses.
    - A topic can lack a schema or a partition.
    """
    if isinstance(failure, RejectedPositiveData):
        return not (response.status_code == 400 and has_foreign_parameter(case))
    if isinstance(failure, AcceptedNegativeData):
        return not has_null_member(case.body)
    if isinstance(failure, JsonSchemaError):
        return not case.operation.path.endswith(".yaml")
    if isinstance(failure, EnsureResourceAvailability):
        is_other_resource = case.operation.path.endswith("/schema") or b'"error_code":40402' in response.content
        return not is_other_resource
    return True
