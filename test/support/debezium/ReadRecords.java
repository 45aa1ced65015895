// Reads records as Kafka Connect does, then applies Debezium's ExtractNewRecordState: one line of JSON in, one line out.
// Arguments: the settings of the transform, such as "add.fields=op,lsn".

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.debezium.transforms.ExtractNewRecordState;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.header.ConnectHeaders;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.storage.SimpleHeaderConverter;

public class ReadRecords {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** Compares numbers by value, so that 1 equals 1.0; called for leaves that differ otherwise. */
    private static final Comparator<JsonNode> BY_VALUE = (a, b) -> a.isNumber() && b.isNumber()
            ? a.decimalValue().compareTo(b.decimalValue())
            : a.equals(b) ? 0 : 1;

    private final JsonConverter keys = new JsonConverter();
    private final JsonConverter values = new JsonConverter();
    private final SimpleHeaderConverter headers = new SimpleHeaderConverter();
    private final ExtractNewRecordState<SinkRecord> transform = new ExtractNewRecordState<>();

    private ReadRecords(Map<String, String> settings) {
        keys.configure(Map.of("schemas.enable", "true"), true);
        values.configure(Map.of("schemas.enable", "true"), false);
        headers.configure(Map.of("converter.type", "header"));
        transform.configure(settings);
    }

    public static void main(String[] args) throws Exception {
        Map<String, String> settings = new HashMap<>();
        for (String arg : args) {
            String[] setting = arg.split("=", 2);
            settings.put(setting[0], setting[1]);
        }
        ReadRecords reader = new ReadRecords(settings);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(JSON.writeValueAsString(reader.resultOf(JSON.readTree(line))));
        }
        out.flush();
    }

    private ObjectNode resultOf(JsonNode input) {
        ObjectNode result = JSON.createObjectNode();
        try {
            read(input, result);
        } catch (Exception error) {
            result.removeAll();
            result.put("error", String.valueOf(error));
        }
        return result;
    }

    private void read(JsonNode input, ObjectNode result) throws Exception {
        String topic = input.get("topic").textValue();
        byte[] keyBytes = input.get("key").binaryValue();
        byte[] valueBytes = input.get("value").binaryValue();
        ConnectHeaders connectHeaders = new ConnectHeaders();
        for (JsonNode header : input.get("headers")) {
            String name = header.get(0).textValue();
            connectHeaders.add(name, headers.toConnectHeader(topic, name, header.get(1).binaryValue()));
        }
        SchemaAndValue key = keys.toConnectData(topic, keyBytes);
        SchemaAndValue value = values.toConnectData(topic, valueBytes);
        byte[] keyBack = keys.fromConnectData(topic, key.schema(), key.value());
        byte[] valueBack = values.fromConnectData(topic, value.schema(), value.value());
        result.set("readKey", payloadOf(keyBack));
        result.set("read", payloadOf(valueBack));
        result.put("schemaOk", same("schema", keyBytes, keyBack) && same("schema", valueBytes, valueBack));
        result.put("payloadOk", same("payload", keyBytes, keyBack) && same("payload", valueBytes, valueBack));
        result.put("bytesOk", Arrays.equals(keyBytes, keyBack) && Arrays.equals(valueBytes, valueBack));
        SinkRecord flat = transform.apply(new SinkRecord(topic, 0, key.schema(), key.value(), value.schema(),
                value.value(), 0, null, null, connectHeaders));
        result.put("dropped", flat == null);
        result.set("flat", flat == null ? null : payloadOf(back(flat.topic(), flat.valueSchema(), flat.value())));
        ObjectNode flatHeaders = result.putObject("flatHeaders");
        if (flat == null) return;
        for (Header header : flat.headers()) {
            byte[] text = headers.fromConnectHeader(flat.topic(), header.key(), header.schema(), header.value());
            flatHeaders.put(header.key(), text == null ? null : new String(text, StandardCharsets.UTF_8));
        }
    }

    private byte[] back(String topic, Schema schema, Object value) {
        return values.fromConnectData(topic, schema, value);
    }

    private static JsonNode payloadOf(byte[] bytes) throws Exception {
        return bytes == null ? null : JSON.readTree(bytes).get("payload");
    }

    /** Whether a member of the JSON that was read equals the one that was converted back. */
    private static boolean same(String member, byte[] before, byte[] after) throws Exception {
        if (before == null || after == null) return before == after;
        return JSON.readTree(before).get(member).equals(BY_VALUE, JSON.readTree(after).get(member));
    }
}
