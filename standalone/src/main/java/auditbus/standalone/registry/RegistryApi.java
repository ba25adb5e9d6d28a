// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone.registry;

import auditbus.schemas.Compatibility;
import auditbus.standalone.registry.RegistryState.Version;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import java.io.IOException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.apache.avro.Schema;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The part of Confluent Schema Registry's REST API that serializers, consoles and {@code curl} use,
 * for Avro without references. Deleting, modes, contexts and exporters are not in it.
 *
 * <p>Thread-safe. Reads are answered from memory also while Kafka is away; writes go one at a time.
 */
final class RegistryApi implements HttpHandler {
  static final String CONTENT_TYPE = "application/vnd.schemaregistry.v1+json";

  /** Largest request taken; larger schemas would not fit the topic's messages either. */
  static final int MAX_BODY_BYTES = 1_000_000;

  private static final Logger LOG = LoggerFactory.getLogger(RegistryApi.class);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  private final RegistryState state;
  private final SchemaTopic topic;

  RegistryApi(RegistryState state, SchemaTopic topic) {
    this.state = state;
    this.topic = topic;
  }

  @Override
  public void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      int status = 200;
      JsonNode answer;
      try {
        answer = answer(exchange);
      } catch (RegistryRefusal e) {
        status = e.status();
        answer = NODES.objectNode().put("error_code", e.errorCode()).put("message", e.getMessage());
      } catch (RuntimeException e) {
        LOG.error("{} {} failed", exchange.getRequestMethod(), exchange.getRequestURI(), e);
        status = 500;
        answer =
            NODES.objectNode().put("error_code", 500).put("message", "Internal Server Error: " + e);
      }
      byte[] body = JSON.writeValueAsBytes(answer);
      exchange.getResponseHeaders().set("Content-Type", CONTENT_TYPE);
      boolean head = exchange.getRequestMethod().equals("HEAD");
      exchange.sendResponseHeaders(status, head ? -1 : body.length);
      if (!head) {
        exchange.getResponseBody().write(body);
      }
    }
  }

  private JsonNode answer(HttpExchange exchange) throws IOException, RegistryRefusal {
    String method =
        exchange.getRequestMethod().equals("HEAD") ? "GET" : exchange.getRequestMethod();
    String path = exchange.getRequestURI().getRawPath();
    List<String> at = segments(path);
    Map<String, String> query = query(exchange.getRequestURI().getRawQuery());
    String first = at.isEmpty() ? "" : at.getFirst();
    return switch (first + "/" + at.size()) {
      case "/0" -> only("GET", method, path, NODES.objectNode());
      case "subjects/1" ->
          only(
              "GET",
              method,
              path,
              strings(state.subjects(query.getOrDefault("subjectPrefix", ""))));
      case "subjects/2" -> {
        only("POST", method, path, null);
        yield lookUp(at.get(1), body(exchange));
      }
      case "subjects/3", "subjects/4", "subjects/5" -> versions(method, path, at, exchange);
      case "schemas/2", "schemas/3", "schemas/4" -> schemas(method, path, at);
      case "compatibility/4", "compatibility/5" -> compatibility(method, path, at, query, exchange);
      case "config/1", "config/2" -> config(method, path, at, query, exchange);
      case "mode/1" -> only("GET", method, path, NODES.objectNode().put("mode", "READWRITE"));
      default -> throw RegistryRefusal.noEndpoint(method, path);
    };
  }

  private static JsonNode only(String allowed, String method, String path, JsonNode answer)
      throws RegistryRefusal {
    if (!method.equals(allowed)) {
      throw RegistryRefusal.methodNotAllowed(method, path);
    }
    return answer;
  }

  /** POST /subjects/S. */
  private JsonNode lookUp(String subject, JsonNode request) throws RegistryRefusal {
    Schema schema = RegistryState.parse(text(request));
    Optional<Version> found = state.lookUp(subject, schema);
    if (found.isEmpty()) {
      state.versions(subject);
      throw RegistryRefusal.schemaNotFound("of this text under subject '" + subject + "'");
    }
    return described(found.get());
  }

  /**
   * GET and POST /subjects/S/versions, GET /subjects/S/versions/V, GET
   * /subjects/S/versions/V/schema.
   */
  private JsonNode versions(String method, String path, List<String> at, HttpExchange exchange)
      throws IOException, RegistryRefusal {
    String subject = at.get(1);
    if (!at.get(2).equals("versions") || (at.size() == 5 && !at.get(4).equals("schema"))) {
      throw RegistryRefusal.noEndpoint(method, path);
    }
    if (at.size() == 3 && method.equals("POST")) {
      return register(subject, body(exchange));
    }
    only("GET", method, path, null);
    return switch (at.size()) {
      case 3 -> {
        ArrayNode numbers = NODES.arrayNode();
        state.versions(subject).forEach(v -> numbers.add(v.version()));
        yield numbers;
      }
      case 4 -> described(state.version(subject, at.get(3)));
      default -> raw(state.version(subject, at.get(3)).schema());
    };
  }

  private JsonNode register(String subject, JsonNode request) throws RegistryRefusal {
    String text = text(request);
    Schema schema = RegistryState.parse(text);
    Optional<Version> known = state.lookUp(subject, schema);
    if (known.isPresent()) {
      return NODES.objectNode().put("id", known.get().id());
    }
    synchronized (topic) {
      topic.catchUp();
      known = state.lookUp(subject, schema);
      if (known.isPresent()) {
        return NODES.objectNode().put("id", known.get().id());
      }
      List<String> objections = state.objections(subject, schema);
      if (!objections.isEmpty()) {
        throw RegistryRefusal.incompatible(
            "Schema being registered is incompatible with an earlier schema for subject \"%s\" (compatibility %s): %s"
                .formatted(
                    subject,
                    state.own(subject).orElse(state.global()),
                    String.join("; ", objections)));
      }
      Version next = state.next(subject, schema, text);
      topic.write(next);
      LOG.info("subject {} version {}: schema {} registered", subject, next.version(), next.id());
      return NODES.objectNode().put("id", next.id());
    }
  }

  /**
   * GET /schemas/types, /schemas/ids/I, /schemas/ids/I/schema, /schemas/ids/I/subjects,
   * /schemas/ids/I/versions.
   */
  private JsonNode schemas(String method, String path, List<String> at) throws RegistryRefusal {
    only("GET", method, path, null);
    if (at.size() == 2 && at.get(1).equals("types")) {
      return strings(List.of("AVRO"));
    }
    if (at.size() == 2 || !at.get(1).equals("ids")) {
      throw RegistryRefusal.noEndpoint(method, path);
    }
    int id;
    try {
      id = Integer.parseInt(at.get(2));
    } catch (NumberFormatException e) {
      throw RegistryRefusal.schemaNotFound(at.get(2));
    }
    if (at.size() == 3) {
      return NODES.objectNode().put("schema", state.schema(id));
    }
    return switch (at.get(3)) {
      case "schema" -> raw(state.schema(id));
      case "subjects" ->
          strings(state.versionsOf(id).stream().map(Version::subject).distinct().toList());
      case "versions" -> {
        ArrayNode versions = NODES.arrayNode();
        state
            .versionsOf(id)
            .forEach(
                v -> versions.addObject().put("subject", v.subject()).put("version", v.version()));
        yield versions;
      }
      default -> throw RegistryRefusal.noEndpoint(method, path);
    };
  }

  /** POST /compatibility/subjects/S/versions and /compatibility/subjects/S/versions/V. */
  private JsonNode compatibility(
      String method, String path, List<String> at, Map<String, String> query, HttpExchange exchange)
      throws IOException, RegistryRefusal {
    if (!at.get(1).equals("subjects") || !at.get(3).equals("versions")) {
      throw RegistryRefusal.noEndpoint(method, path);
    }
    only("POST", method, path, null);
    Schema schema = RegistryState.parse(text(body(exchange)));
    List<String> objections =
        at.size() == 4
            ? state.objections(at.get(2), schema)
            : state.objections(at.get(2), schema, at.get(4));
    ObjectNode answer = NODES.objectNode().put("is_compatible", objections.isEmpty());
    if (Boolean.parseBoolean(query.get("verbose"))) {
      answer.set("messages", strings(objections));
    }
    return answer;
  }

  /** GET and PUT /config and /config/S. */
  private JsonNode config(
      String method, String path, List<String> at, Map<String, String> query, HttpExchange exchange)
      throws IOException, RegistryRefusal {
    String subject = at.size() == 1 ? null : at.get(1);
    if (method.equals("PUT")) {
      Compatibility level = level(body(exchange));
      synchronized (topic) {
        topic.write(subject, level);
      }
      return NODES.objectNode().put("compatibility", level.name());
    }
    only("GET", method, path, null);
    Optional<Compatibility> level =
        subject == null || Boolean.parseBoolean(query.get("defaultToGlobal"))
            ? Optional.of(
                subject == null ? state.global() : state.own(subject).orElse(state.global()))
            : state.own(subject);
    if (level.isEmpty()) {
      throw RegistryRefusal.noSubjectCompatibility(subject);
    }
    return NODES.objectNode().put("compatibilityLevel", level.get().name());
  }

  private static Compatibility level(JsonNode request) throws RegistryRefusal {
    String level = request.path("compatibility").asText("").toUpperCase(Locale.ROOT);
    return Arrays.stream(Compatibility.values())
        .filter(c -> c.name().equals(level))
        .findFirst()
        .orElseThrow(
            () -> RegistryRefusal.invalidCompatibility(request.path("compatibility").asText("")));
  }

  private static ObjectNode described(Version version) {
    return NODES
        .objectNode()
        .put("subject", version.subject())
        .put("version", version.version())
        .put("id", version.id())
        .put("schema", version.schema());
  }

  /** A schema as JSON itself and not as a string in JSON. */
  private static JsonNode raw(String schema) throws RegistryRefusal {
    try {
      return JSON.readTree(schema);
    } catch (IOException e) {
      throw RegistryRefusal.store("a schema is not JSON: " + e.getMessage());
    }
  }

  private static ArrayNode strings(Collection<String> texts) {
    ArrayNode array = NODES.arrayNode();
    texts.forEach(array::add);
    return array;
  }

  /** The schema of a request. */
  private static String text(JsonNode request) throws RegistryRefusal {
    String type = request.path("schemaType").asText("AVRO");
    if (!type.equals("AVRO")) {
      throw RegistryRefusal.invalidSchema("schemaType " + type + " is not served here, only AVRO");
    }
    if (!request.path("references").isEmpty()) {
      throw RegistryRefusal.invalidSchema("references are not served here; write the schema out");
    }
    if (!(request.get("schema") instanceof TextNode text) || text.textValue().isBlank()) {
      throw RegistryRefusal.invalidSchema("the request has no string \"schema\"");
    }
    return text.textValue();
  }

  private static JsonNode body(HttpExchange exchange) throws IOException, RegistryRefusal {
    byte[] body = exchange.getRequestBody().readNBytes(MAX_BODY_BYTES + 1);
    if (body.length > MAX_BODY_BYTES) {
      throw RegistryRefusal.tooLarge(MAX_BODY_BYTES);
    }
    try {
      JsonNode request = JSON.readTree(body);
      if (request.isObject()) {
        return request;
      }
    } catch (com.fasterxml.jackson.core.JacksonException e) {
      throw RegistryRefusal.badRequest("the request's body is not JSON: " + e.getOriginalMessage());
    }
    throw RegistryRefusal.badRequest("the request's body is no JSON object");
  }

  private static List<String> segments(String path) {
    return Arrays.stream(path.split("/"))
        .filter(s -> !s.isEmpty())
        .map(RegistryApi::decoded)
        .toList();
  }

  private static Map<String, String> query(String query) {
    Map<String, String> parameters = new HashMap<>();
    for (String parameter : query == null ? new String[0] : query.split("&")) {
      int equals = parameter.indexOf('=');
      if (equals > 0) {
        parameters.put(parameter.substring(0, equals), decoded(parameter.substring(equals + 1)));
      }
    }
    return parameters;
  }

  private static String decoded(String segment) {
    return URLDecoder.decode(segment.replace("+", "%2B"), StandardCharsets.UTF_8);
  }
}
