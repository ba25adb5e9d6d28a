// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the build packs for Connect workers. */
class PluginZipIT {
  @TempDir Path directory;
  private Path plugin;

  @BeforeEach
  void unpack() throws IOException {
    PluginZip.unpack(directory);
    plugin = directory.resolve(PluginZip.NAME);
  }

  @Test
  void zip_holdsOneComponentNamedByOwnerNameAndVersion() throws IOException {
    assertThat(names(directory)).containsExactly(PluginZip.NAME);
    assertThat(names(plugin)).containsExactlyInAnyOrder("manifest.json", "lib", "doc", "etc");
    assertThat(names(plugin.resolve("doc"))).containsExactlyInAnyOrder("README.md", "LICENSE");
    assertThat(plugin.resolve("doc/README.md")).hasSameBinaryContentAs(Path.of("README.md"));
    assertThat(plugin.resolve("doc/LICENSE")).hasSameBinaryContentAs(Path.of("../LICENSE"));
    assertThat(names(plugin.resolve("etc"))).hasSize(4);
    for (String file : names(plugin.resolve("etc"))) {
      assertThat(plugin.resolve("etc").resolve(file)).hasSameBinaryContentAs(EtcFiles.path(file));
    }
  }

  @Test
  void manifest_saysWhatTheComponentIs() throws IOException {
    JsonNode manifest = new ObjectMapper().readTree(plugin.resolve("manifest.json").toFile());
    String username = manifest.at("/owner/username").asText();
    String name = manifest.path("name").asText();
    String version = manifest.path("version").asText();
    assertThat(String.join("-", username, name, version)).isEqualTo(PluginZip.NAME);
    assertThat(manifest.path("title").asText()).isNotEmpty();
    assertThat(manifest.path("description").asText()).contains("byte for byte");
    assertThat(manifest.path("component_types")).hasToString("[\"sink\"]");
    assertThat(manifest.at("/features/delivery_guarantee")).hasToString("[\"exactly_once\"]");
    assertThat(manifest.at("/features/kafka_connect_api").asBoolean()).isTrue();
    assertThat(manifest.at("/license/0/name").asText()).isEqualTo("Apache License 2.0");
    assertThat(LocalDate.parse(manifest.path("release_date").asText()).getYear())
        .isBetween(2026, 2100);
    assertThat(manifest.path("tags")).isNotEmpty();
    assertThat(manifest.path("requirements")).isNotEmpty();
    assertThat(manifest.toString()).doesNotContain("${").doesNotContain("null");
  }

  @Test
  void lib_holdsAllTheSinkNeedsAndNothingTheWorkerBrings() throws IOException {
    List<String> jars = names(plugin.resolve("lib"));
    assertThat(jars)
        .extracting(jar -> jar.replaceFirst("-[0-9][^-]*\\.jar$", ""))
        .containsExactlyInAnyOrder(
            "auditbus-sinks",
            "auditbus-schemas",
            "avro",
            "jackson-core",
            "jackson-databind",
            "jackson-annotations");
    for (String jar : jars) {
      try (ZipFile zip = new ZipFile(plugin.resolve("lib").resolve(jar).toFile())) {
        assertThat(zip.stream().map(ZipEntry::getName))
            .as(jar)
            .noneMatch(
                name ->
                    name.startsWith("org/apache/kafka/")
                        || name.startsWith("org/slf4j/")
                        || name.startsWith("net/jpountz/")
                        || name.startsWith("org/xerial/")
                        || name.startsWith("com/github/luben/"));
      }
    }
  }

  @Test
  void zip_namesNoTimeButTheRelease() throws IOException {
    try (ZipFile zip = new ZipFile(PluginZip.path().toFile())) {
      assertThat(zip.stream().map(ZipEntry::getTime).distinct()).hasSize(1);
    }
  }

  private static List<String> names(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.map(file -> file.getFileName().toString()).toList();
    }
  }
}
