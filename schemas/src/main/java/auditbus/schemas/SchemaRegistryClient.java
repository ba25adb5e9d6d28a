// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import auditbus.schemas.RegistryTransport.Answer;
import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongSupplier;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.Schema;

/**
 * A client of the Confluent Schema Registry REST API, as Confluent Schema Registry, Karapace,
 * Apicurio (under {@code /apis/ccompat/v7}) and auditbus' own embedded registry speak it.
 *
 * <p>Schemas are sent without {@code avro.java.string}, the property generated classes carry: what
 * a registry holds is what stands in the {@code .avsc} files. Schemas and ids never change once
 * given, so both are remembered, {@value #MAX_REMEMBERED} of each at most.
 *
 * <p>Every operation tries again while that may help ({@link SchemaRegistryException#retriable()}),
 * for {@value SchemaRegistryConfig#RETRY_TIMEOUT} at most, and stops when its thread is
 * interrupted: at once between attempts, else after the attempt's timeout.
 *
 * <p>Thread-safe. Constructing one does no I/O; it holds nothing that must be closed.
 */
public final class SchemaRegistryClient {
  /** How many schemas and ids are remembered. */
  static final int MAX_REMEMBERED = 1_000;

  private static final ObjectMapper JSON = new ObjectMapper();

  /** Error codes of the API. */
  private static final int SUBJECT_NOT_FOUND = 40401;

  private static final int VERSION_NOT_FOUND = 40402;
  private static final int SCHEMA_NOT_FOUND = 40403;

  private record Key(String subject, Schema schema) {}

  private final RegistryTransport transport;
  private final Map<Key, Integer> ids = remembered();
  private final Map<Integer, Schema> schemas = remembered();

  /**
   * A client of the registry at {@value SchemaRegistryConfig#URL}.
   *
   * @param settings see {@link SchemaRegistryConfig}; keys of others are ignored
   * @throws org.apache.kafka.common.config.ConfigException naming the key that is missing or wrong
   */
  public SchemaRegistryClient(Map<String, ?> settings) {
    this(new SchemaRegistryConfig(settings));
  }

  SchemaRegistryClient(SchemaRegistryConfig config) {
    this(config, System::nanoTime, Thread::sleep);
  }

  SchemaRegistryClient(
      SchemaRegistryConfig config, LongSupplier nanoTime, RegistryTransport.Pause pause) {
    this.transport = new RegistryTransport(config, nanoTime, pause);
  }

  /**
   * The schema's id, registered as the subject's next version if the subject does not have it yet.
   *
   * @throws SchemaRegistryException status 409 if the subject's compatibility forbids it
   */
  public int register(String subject, Schema schema) {
    Key key = new Key(subject, schema);
    Optional<Integer> known = get(ids, key);
    return known.isPresent()
        ? known.get()
        : put(
            ids,
            key,
            id(
                call(
                    "POST",
                    subjectPath(subject) + "/versions",
                    schemaBody(schema),
                    "register the schema")));
  }

  /**
   * The id of a schema the subject has.
   *
   * @throws SchemaRegistryException error code 40401 if there is no such subject, 40403 if it does
   *     not have the schema
   */
  public int idOf(String subject, Schema schema) {
    Key key = new Key(subject, schema);
    Optional<Integer> known = get(ids, key);
    return known.isPresent()
        ? known.get()
        : put(
            ids,
            key,
            id(call("POST", subjectPath(subject), schemaBody(schema), "look the schema up")));
  }

  /**
   * The schema of an id.
   *
   * @throws SchemaRegistryException error code 40403 if there is none
   */
  public Schema schemaById(int id) {
    Optional<Schema> known = get(schemas, id);
    if (known.isPresent()) {
      return known.get();
    }
    JsonNode answer = call("GET", "/schemas/ids/" + id, null, "fetch schema " + id);
    String type = answer.path("schemaType").asText("AVRO");
    if (!type.equals("AVRO")) {
      throw unexpected("schema " + id + " is of type " + type + ", not AVRO");
    }
    try {
      // Old schemas may break rules of today's parser on names and defaults: it is not ours to say.
      return put(schemas, id, SchemaText.parse(answer.path("schema").asText()));
    } catch (AvroRuntimeException e) {
      throw new SchemaRegistryException(
          "schema %d of %s is not Avro: %s".formatted(id, transport.nodes(), e.getMessage()),
          false,
          e);
    }
  }

  /**
   * Whether the schema could be registered as the subject's next version; true if there is no such
   * subject.
   */
  public boolean isCompatible(String subject, Schema schema) {
    String path = "/compatibility/subjects/" + encoded(subject) + "/versions";
    byte[] body = schemaBody(schema);
    Answer answer = transport.ask("POST", path, body);
    if (!answer.ok() && endpointIsMissing(answer)) {
      // Registries before Confluent 6.1 compare with one named version only.
      answer = transport.ask("POST", path + "/latest", body);
    }
    if (!answer.ok()) {
      int code = errorCode(answer);
      if (code == SUBJECT_NOT_FOUND || code == VERSION_NOT_FOUND) {
        return true;
      }
      throw refused("POST", path, answer, "compare the schema");
    }
    JsonNode verdict = json("POST", path, answer).path("is_compatible");
    if (!verdict.isBoolean()) {
      throw unexpected("POST " + path + " of " + answer.node() + " answered without is_compatible");
    }
    return verdict.asBoolean();
  }

  /** The subject's own compatibility; empty if it has none and the registry's default holds. */
  public Optional<Compatibility> compatibility(String subject) {
    String path = "/config/" + encoded(subject);
    Answer answer = transport.ask("GET", path, null);
    // Confluent: 40408, older ones 40401. Apicurio answers 200 with its default.
    if (answer.status() == 404) {
      return Optional.empty();
    }
    if (!answer.ok()) {
      throw refused("GET", path, answer, "read the compatibility");
    }
    String level = json("GET", path, answer).path("compatibilityLevel").asText();
    try {
      return Optional.of(Compatibility.valueOf(level));
    } catch (IllegalArgumentException e) {
      throw new SchemaRegistryException(
          "GET %s of %s answered compatibilityLevel \"%s\", which is unknown"
              .formatted(path, answer.node(), level),
          false,
          e);
    }
  }

  /** Sets the subject's own compatibility. */
  public void setCompatibility(String subject, Compatibility compatibility) {
    ObjectNode body =
        JsonNodeFactory.instance.objectNode().put("compatibility", compatibility.name());
    call("PUT", "/config/" + encoded(subject), bytes(body), "set the compatibility");
  }

  /** The registry's URLs, without credentials. */
  @Override
  public String toString() {
    return "SchemaRegistryClient" + transport.nodes();
  }

  private JsonNode call(String method, String path, byte[] body, String purpose) {
    Answer answer = transport.ask(method, path, body);
    if (!answer.ok()) {
      throw refused(method, path, answer, purpose);
    }
    return json(method, path, answer);
  }

  private static JsonNode json(String method, String path, Answer answer) {
    try {
      JsonNode json = JSON.readTree(answer.body());
      if (json.isObject()) {
        return json;
      }
      throw unexpected(
          "%s %s of %s answered something that is no JSON object"
              .formatted(method, path, answer.node()));
    } catch (IOException e) {
      throw new SchemaRegistryException(
          "%s %s of %s answered HTTP %d with %d bytes that are not JSON; is it a schema registry?"
              .formatted(method, path, answer.node(), answer.status(), answer.body().length),
          false,
          e);
    }
  }

  private static int id(JsonNode answer) {
    JsonNode id = answer.path("id");
    if (!id.isInt() || id.asInt() < 0) {
      throw unexpected("the registry's answer holds no id: " + abridged(answer.toString()));
    }
    return id.asInt();
  }

  private static SchemaRegistryException refused(
      String method, String path, Answer answer, String purpose) {
    int code = errorCode(answer);
    return new SchemaRegistryException(
        "cannot %s: %s %s of %s answered HTTP %d%s: %s. %s"
            .formatted(
                purpose,
                method,
                path,
                answer.node(),
                answer.status(),
                code == 0 ? "" : ", error_code " + code,
                message(answer),
                advice(answer.status(), code)),
        answer.status(),
        code,
        false);
  }

  private static String advice(int status, int code) {
    return switch (status) {
      case 401 -> "Check " + SchemaRegistryConfig.BASIC_USER_INFO + ".";
      case 403 -> "The registry's administrator must allow it.";
      case 404 ->
          code == 0
              ? "Check the path in " + SchemaRegistryConfig.URL + "."
              : "Register the schema first, or set "
                  + SchemaRegistryConfig.AUTO_REGISTER
                  + "=true.";
      case 409 ->
          "The schema is not compatible with the subject's versions: update the readers, not the registry.";
      case 422 -> "The registry does not take this schema or setting.";
      default -> "Check " + SchemaRegistryConfig.URL + ".";
    };
  }

  private static boolean endpointIsMissing(Answer answer) {
    int code = errorCode(answer);
    return answer.status() == 405
        || (answer.status() == 404
            && code != SUBJECT_NOT_FOUND
            && code != VERSION_NOT_FOUND
            && code != SCHEMA_NOT_FOUND);
  }

  private static int errorCode(Answer answer) {
    return error(answer).path("error_code").asInt(0);
  }

  private static String message(Answer answer) {
    String message = error(answer).path("message").asText("");
    return message.isBlank() ? "(no message)" : abridged(message.strip());
  }

  private static JsonNode error(Answer answer) {
    try {
      return JSON.readTree(answer.body());
    } catch (IOException e) {
      // A proxy's page: the status says what can be said.
      return JsonNodeFactory.instance.missingNode();
    }
  }

  private static SchemaRegistryException unexpected(String message) {
    return new SchemaRegistryException(message, 0, 0, false);
  }

  private static String abridged(String text) {
    return text.length() <= 1_000 ? text : text.substring(0, 1_000) + "...";
  }

  private static byte[] schemaBody(Schema schema) {
    return bytes(JsonNodeFactory.instance.objectNode().put("schema", SchemaText.published(schema)));
  }

  private static byte[] bytes(ObjectNode body) {
    try {
      return JSON.writeValueAsBytes(body);
    } catch (JacksonException e) {
      throw new IllegalStateException("a tree of strings is always JSON", e);
    }
  }

  private static String subjectPath(String subject) {
    return "/subjects/" + encoded(subject);
  }

  private static String encoded(String subject) {
    return URLEncoder.encode(subject, StandardCharsets.UTF_8).replace("+", "%20");
  }

  private static <K, V> Map<K, V> remembered() {
    return new LinkedHashMap<>(16, 0.75f, true) {
      @Override
      protected boolean removeEldestEntry(Map.Entry<K, V> eldest) {
        return size() > MAX_REMEMBERED;
      }
    };
  }

  private static <K, V> Optional<V> get(Map<K, V> remembered, K key) {
    synchronized (remembered) {
      return Optional.ofNullable(remembered.get(key));
    }
  }

  private static <K, V> V put(Map<K, V> remembered, K key, V value) {
    synchronized (remembered) {
      remembered.put(key, value);
    }
    return value;
  }
}
