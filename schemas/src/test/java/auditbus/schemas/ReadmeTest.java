// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Collectors;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.types.Password;
import org.junit.jupiter.api.Test;

/** The README's tables are those of the code. */
class ReadmeTest {
  private final String readme;

  ReadmeTest() throws IOException {
    readme = Files.readString(Path.of("README.md"));
  }

  @Test
  void readme_listsEverySettingWithItsDefault() {
    String table =
        SchemaRegistryConfig.definition().configKeys().values().stream()
            .map(key -> "| `%s` | %s | %s |".formatted(key.name, value(key), key.documentation))
            .collect(Collectors.joining("\n"));
    assertThat(readme).as("the settings table should be\n%s\n", table).contains(table);
  }

  private static String value(ConfigDef.ConfigKey key) {
    Object value = key.defaultValue;
    if (!key.hasDefault()) {
      return "(needed)";
    }
    return value == null || value instanceof Password ? "" : "`" + value + "`";
  }

  @Test
  void readme_listsEveryTopic() {
    for (Topics topic : Topics.values()) {
      assertThat(readme)
          .contains("| `%s` | `%s` |".formatted(topic.topic(), topic.schema().getName()))
          .contains(topic.settings().get("cleanup.policy"));
    }
    assertThat(readme).contains("`" + Topics.DEAD_LETTERS + "`");
  }
}
