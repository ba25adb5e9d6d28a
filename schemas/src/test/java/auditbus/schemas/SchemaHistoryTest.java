// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;
import org.apache.avro.SchemaCompatibility.SchemaCompatibilityType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Every version of every topic's schema is committed, and each reads what all before it wrote.
 *
 * <p>A changed schema gets a new version with {@code -Dschemas.rewrite=new}. Only while the newest
 * one was never published, {@code -Dschemas.rewrite=true} writes it anew instead.
 */
class SchemaHistoryTest {
  private static final Path HISTORY = Path.of("src/main/resources/auditbus/schemas/history");
  private static final ObjectMapper JSON = new ObjectMapper();

  @BeforeAll
  static void rewrite() throws IOException {
    String how = System.getProperty("schemas.rewrite", "false");
    if (!how.equals("false")) {
      for (Topics topic : Topics.values()) {
        int newest = versions(topic).size();
        if (newest > 0 && text(topic.schema()).equals(Files.readString(file(topic, newest)))) {
          continue;
        }
        Path file = file(topic, how.equals("new") ? newest + 1 : Math.max(newest, 1));
        Files.createDirectories(file.getParent());
        Files.writeString(file, text(topic.schema()));
        System.out.println("written: " + file);
      }
    }
  }

  private static Path file(Topics topic, int version) {
    return HISTORY.resolve(topic.schema().getName()).resolve("v" + version + ".avsc");
  }

  private static String text(Schema schema) throws IOException {
    DefaultPrettyPrinter printer =
        new DefaultPrettyPrinter()
            .withArrayIndenter(DefaultIndenter.SYSTEM_LINEFEED_INSTANCE.withLinefeed("\n"))
            .withObjectIndenter(DefaultIndenter.SYSTEM_LINEFEED_INSTANCE.withLinefeed("\n"));
    return JSON.writer(printer).writeValueAsString(JSON.readTree(SchemaText.published(schema)))
        + "\n";
  }

  private static List<Schema> versions(Topics topic) throws IOException {
    List<Schema> versions = new ArrayList<>();
    while (Files.exists(file(topic, versions.size() + 1))) {
      versions.add(new Schema.Parser().parse(Files.readString(file(topic, versions.size() + 1))));
    }
    return versions;
  }

  @ParameterizedTest
  @EnumSource
  void schema_isTheNewestVersionOfItsHistory(Topics topic) throws IOException {
    List<Schema> versions = versions(topic);
    String how =
        "%s.avsc differs from %s. Add a new version: ./mvnw -pl schemas test -Dtest=SchemaHistoryTest -Dschemas.rewrite=new (or =true if that version was never published), and commit it."
            .formatted(topic.schema().getName(), file(topic, Math.max(1, versions.size())));
    assertThat(versions).as(how).isNotEmpty();
    assertThat(Files.readString(file(topic, versions.size())))
        .as(how)
        .isEqualTo(text(topic.schema()));
  }

  @ParameterizedTest
  @EnumSource
  void schema_readsEveryVersionBefore(Topics topic) throws IOException {
    List<Schema> versions = versions(topic);
    for (int reader = 0; reader < versions.size(); reader++) {
      for (int writer = 0; writer < reader; writer++) {
        assertThat(objections(versions.get(reader), versions.get(writer)))
            .as("%s v%d must read v%d", topic.schema().getName(), reader + 1, writer + 1)
            .isEmpty();
      }
    }
  }

  private static List<String> objections(Schema reader, Schema writer) {
    var result = SchemaCompatibility.checkReaderWriterCompatibility(reader, writer);
    return result.getType() == SchemaCompatibilityType.COMPATIBLE
        ? List.of()
        : result.getResult().getIncompatibilities().stream()
            .map(i -> i.getLocation() + ": " + i.getMessage())
            .toList();
  }

  @Test
  void compatibility_isLostByAFieldWithoutDefault() {
    String text = SchemaText.published(Range.getClassSchema());
    Schema wider =
        SchemaText.parse(
            text.replace("]}", ",{\"name\":\"added\",\"type\":\"int\",\"doc\":\"Added.\"}]}"));
    assertThat(objections(wider, Range.getClassSchema())).hasSize(1);
    Schema withDefault =
        SchemaText.parse(
            text.replace(
                "]}", ",{\"name\":\"added\",\"type\":\"int\",\"default\":0,\"doc\":\"Added.\"}]}"));
    assertThat(objections(withDefault, Range.getClassSchema())).isEmpty();
  }

  @Test
  void history_holdsNothingElse() throws IOException {
    Set<Path> expected = new HashSet<>();
    for (Topics topic : Topics.values()) {
      for (int version = 1; version <= versions(topic).size(); version++) {
        expected.add(file(topic, version));
      }
    }
    try (Stream<Path> files = Files.walk(HISTORY)) {
      assertThat(files.filter(Files::isRegularFile)).containsExactlyInAnyOrderElementsOf(expected);
    }
  }

  @ParameterizedTest
  @EnumSource
  void schema_documentsEverythingAndDefaultsEveryEnum(Topics topic) {
    List<String> missing = new ArrayList<>();
    inspect(topic.schema(), topic.schema().getName(), new HashSet<>(), missing);
    assertThat(missing).isEmpty();
  }

  private static void inspect(Schema schema, String where, Set<String> seen, List<String> missing) {
    switch (schema.getType()) {
      case RECORD -> {
        if (seen.add(schema.getFullName())) {
          documented(schema.getDoc(), where, missing);
          for (Schema.Field field : schema.getFields()) {
            documented(field.doc(), where + "." + field.name(), missing);
            inspect(field.schema(), where + "." + field.name(), seen, missing);
          }
        }
      }
      case ENUM -> {
        if (seen.add(schema.getFullName())) {
          documented(schema.getDoc(), where, missing);
          if (!"UNKNOWN".equals(schema.getEnumDefault())) {
            missing.add(where + ": an enum's default is UNKNOWN, found " + schema.getEnumDefault());
          }
        }
      }
      case ARRAY -> inspect(schema.getElementType(), where, seen, missing);
      case MAP -> inspect(schema.getValueType(), where, seen, missing);
      case UNION -> schema.getTypes().forEach(type -> inspect(type, where, seen, missing));
      default -> {
        // Nothing to say about a primitive.
      }
    }
  }

  private static void documented(String doc, String where, List<String> missing) {
    if (doc == null || doc.isBlank()) {
      missing.add(where + ": no doc");
    }
  }
}
