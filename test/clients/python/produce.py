"""openapi-generator's client for Python: produces with it, as test/clients/README.md describes."""

import base64
import json
import os

from onramp_client import ApiClient, ApiException, Batch, BatchRecord, Configuration, ProduceApi, RecordHeader

URL, TOKEN, TOPIC = (os.environ[name] for name in ("ONRAMP_URL", "ONRAMP_TOKEN", "ONRAMP_TOPIC"))

# docs: begin
onramp = ProduceApi(ApiClient(Configuration(host=URL, access_token=TOKEN)))
order = {"orderId": "o-1", "total": 12.5}
receipt = onramp.produce(TOPIC, order, key="o-1", _headers={"Kafka-Header-client": "python"})
print(receipt.partition, receipt.offset)

header = RecordHeader(key="client", value=base64.b64encode(b"python").decode())
records = [BatchRecord(key="o-2", value={"orderId": "o-2"}, headers=[header]), BatchRecord(key="o-1")]
outcomes = onramp.produce_batch(TOPIC, Batch(records=records)).offsets
try:
    onramp.produce(TOPIC, {"total": 1})
except ApiException as error:
    print(error.status, error.data.error_code, error.data.errors[0].pointer)
# docs: end

assert (receipt.topic, receipt.offset) == (TOPIC, 0), receipt
assert [(outcome.offset, outcome.error_code) for outcome in outcomes] == [(1, None), (2, None)], outcomes

try:
    onramp.produce(TOPIC, {"total": 1})
    raise AssertionError("an order without an orderId was accepted")
except ApiException as error:
    problem = error.data
    assert (error.status, problem.error_code) == (422, 42206), error
    assert [(found.pointer, found.keyword) for found in problem.errors] == [("", "required")], problem

basic = ProduceApi(ApiClient(Configuration(host=URL, username="any", password=TOKEN)))
lines = '{"orderId":"o-3"}\n{"orderId":"o-4","total":1.0}\n'
answer = basic.produce_lines(TOPIC, lines, key="o-3", _headers={"Kafka-Header-client": "python"})
receipts = [json.loads(line) for line in answer.splitlines()]
assert [receipt["offset"] for receipt in receipts] == [3, 4], receipts

try:
    ProduceApi(ApiClient(Configuration(host=URL, access_token="wrong"))).produce(TOPIC, order)
    raise AssertionError("a wrong token was accepted")
except ApiException as error:
    assert (error.status, error.data.error_code) == (401, 40101), error
