import com.fasterxml.jackson.core.JsonProcessingException;
import java.nio.file.Files;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.ProduceApi;
import org.openapitools.client.model.Batch;
import org.openapitools.client.model.BatchRecord;
import org.openapitools.client.model.Problem;
import org.openapitools.client.model.RecordHeader;

/** openapi-generator's client for Java (library native): produces with it, as test/clients/README.md describes. */
public final class Produce {
  private static final String URL = System.getenv("ONRAMP_URL");
  private static final String TOKEN = System.getenv("ONRAMP_TOKEN");
  private static final String TOPIC = System.getenv("ONRAMP_TOPIC");

  record Order(String orderId, double total) {}

  public static void main(String[] args) throws Exception {
    // docs: begin
    ApiClient client = new ApiClient();
    client.updateBaseUri(URL);
    client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + TOKEN));
    var onramp = new ProduceApi(client);
    var headers = Map.of("Kafka-Header-client", "java");
    var receipt = onramp.produce(TOPIC, new Order("o-1", 12.5), "o-1", null, null, headers);
    System.out.println(receipt.getPartition() + " " + receipt.getOffset());

    var header = new RecordHeader().key("client").value("amF2YQ=="); // base64
    var order = new BatchRecord().key("o-2").value(Map.of("orderId", "o-2")).addHeadersItem(header);
    var tombstone = new BatchRecord().key("o-1");
    var outcomes = onramp.produceBatch(TOPIC, new Batch().records(List.of(order, tombstone))).getOffsets();
    try {
      onramp.produce(TOPIC, Map.of("total", 1), null, null, null);
    } catch (ApiException error) {
      var problem = client.getObjectMapper().readValue(error.getResponseBody(), Problem.class);
      System.out.println(error.getCode() + " " + problem.getErrors().get(0).getPointer());
    }
    // docs: end

    check(receipt.getTopic().equals(TOPIC) && receipt.getOffset() == 0, receipt);
    check(outcomes.get(0).getOffset() == 1 && outcomes.get(1).getOffset() == 2, outcomes);
    check(outcomes.stream().allMatch(outcome -> outcome.getErrorCode() == null), outcomes);
    var invalid = problemOf(client, Map.of("total", 1));
    check(invalid.getStatus() == 422 && invalid.getErrorCode() == 42206, invalid);
    var violation = invalid.getErrors().get(0);
    check(violation.getPointer().isEmpty() && violation.getKeyword().equals("required"), violation);

    var lines = "{\"orderId\":\"o-3\"}\n{\"orderId\":\"o-4\",\"total\":1.0}\n";
    var file = new ProduceApi(client(basic())).produceLines(TOPIC, lines, "o-3", null, null, null, headers);
    var answer = Files.readString(file.toPath());
    check(answer.lines().count() == 2 && answer.contains("\"offset\":3") && answer.contains("\"offset\":4"), answer);

    var refused = problemOf(client("Bearer wrong"), Map.of("orderId", "o-1"));
    check(refused.getStatus() == 401 && refused.getErrorCode() == 40101, refused);
  }

  private static String basic() {
    return "Basic " + Base64.getEncoder().encodeToString(("any:" + TOKEN).getBytes());
  }

  private static ApiClient client(String authorization) {
    ApiClient client = new ApiClient();
    client.updateBaseUri(URL);
    client.setRequestInterceptor(request -> request.header("Authorization", authorization));
    return client;
  }

  private static Problem problemOf(ApiClient client, Object value) throws JsonProcessingException {
    try {
      throw new AssertionError(new ProduceApi(client).produce(TOPIC, value, null, null, null));
    } catch (ApiException error) {
      return client.getObjectMapper().readValue(error.getResponseBody(), Problem.class);
    }
  }

  private static void check(boolean holds, Object found) {
    if (!holds) throw new AssertionError(found);
  }
}
