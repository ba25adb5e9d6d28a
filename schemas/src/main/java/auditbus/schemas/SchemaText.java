// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.avro.NameValidator;
import org.apache.avro.Schema;

/**
 * Schemas as the registry holds them: one line of JSON with docs, defaults and logical types,
 * without what only Java's generated classes need.
 */
final class SchemaText {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** What the code generator puts beside "string" so that Java gets a String and not a Utf8. */
  private static final String JAVA_STRING = "avro.java.string";

  private SchemaText() {}

  /** The schema as it stands in its .avsc, on one line. */
  static String published(Schema schema) {
    try {
      return JSON.writeValueAsString(withoutJava(JSON.readTree(schema.toString())));
    } catch (JacksonException e) {
      throw new IllegalStateException("a schema's text is always JSON", e);
    }
  }

  /**
   * A schema somebody registered. Names and defaults are not checked: they were when it was
   * registered, by rules that may have been others.
   *
   * @throws org.apache.avro.AvroRuntimeException if it is not Avro
   */
  static Schema parse(String text) {
    return new Schema.Parser(NameValidator.NO_VALIDATION).setValidateDefaults(false).parse(text);
  }

  private static JsonNode withoutJava(JsonNode node) {
    if (node instanceof ArrayNode array) {
      ArrayNode copy = JsonNodeFactory.instance.arrayNode(array.size());
      array.forEach(element -> copy.add(withoutJava(element)));
      return copy;
    }
    if (node instanceof ObjectNode object) {
      ObjectNode copy = JsonNodeFactory.instance.objectNode();
      for (var property : object.properties()) {
        // A default is data: its keys mean what they say.
        copy.set(
            property.getKey(),
            property.getKey().equals("default")
                ? property.getValue()
                : withoutJava(property.getValue()));
      }
      boolean typed = copy.remove(JAVA_STRING) != null;
      return typed && copy.size() == 1 ? copy.get("type") : copy;
    }
    return node;
  }
}
