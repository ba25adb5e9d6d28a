// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.provider.DirectoryConfigProvider;
import org.apache.kafka.common.config.provider.EnvVarConfigProvider;
import org.apache.kafka.common.config.provider.FileConfigProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProvidedSettingsTest {
  @TempDir private Path directory;

  private Map<String, String> with(String key, String value) {
    Map<String, String> settings = new HashMap<>();
    settings.put("config.providers", "file,dir,env");
    settings.put("config.providers.file.class", FileConfigProvider.class.getName());
    settings.put("config.providers.dir.class", DirectoryConfigProvider.class.getName());
    settings.put("config.providers.env.class", EnvVarConfigProvider.class.getName());
    settings.put(key, value);
    return settings;
  }

  @Test
  void variables_areReplacedInsideValuesAndTheProvidersLeftOut() throws Exception {
    Path file = Files.writeString(directory.resolve("secrets"), "password=p=w ${file:no:no}\n");
    Files.writeString(directory.resolve("token"), "t0ken");
    Map<String, String> settings = with("a", "x '${file:" + file + ":password}' y");
    settings.put("b", "${dir:" + directory + ":token}");
    settings.put("c", "${env:PATH}");
    settings.put("d", "none");

    assertThat(ProvidedSettings.resolve(settings))
        .isEqualTo(
            Map.of(
                "a",
                "x 'p=w ${file:no:no}' y",
                "b",
                "t0ken",
                "c",
                System.getenv("PATH"),
                "d",
                "none"));
  }

  @Test
  void variableWithoutValue_isRefusedByKeyAndVariableAlone() throws Exception {
    Path file = Files.writeString(directory.resolve("secrets"), "password=swordfish\n");
    for (String variable :
        new String[] {"${file:" + file + ":pasword}", "${env:AUDITBUS_NO_SUCH}", "${vault:a:b}"}) {
      assertThatThrownBy(
              () ->
                  ProvidedSettings.resolve(
                      with("sasl.jaas.config", "inline ${file:" + file + ":password} " + variable)))
          .isInstanceOf(ConfigException.class)
          .hasMessageContainingAll("sasl.jaas.config", variable, "config.providers")
          .message()
          .doesNotContain("swordfish", "inline");
    }
  }

  @Test
  void variableWithoutProviders_isRefused() {
    assertThatThrownBy(() -> ProvidedSettings.resolve(Map.of("key", "${file:/a:b}")))
        .hasMessageContainingAll("key: ${file:/a:b} has no value", "names 'file'");
  }

  @Test
  void absentFileAndUnknownProviderClass_areRefused() {
    assertThatThrownBy(
            () -> ProvidedSettings.resolve(with("key", "${file:" + directory + "/none:b}")))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll(directory + "/none", "config.providers");
    assertThatThrownBy(
            () ->
                ProvidedSettings.resolve(
                    with("config.providers.file.class", "no.such.ProviderClass")))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("no.such.ProviderClass");
  }

  @Test
  void settingsWithoutVariables_areLeftAlone() {
    Map<String, String> settings = Map.of("path", "/a/$b/{c}/${d}", "e", "");
    assertThat(ProvidedSettings.resolve(settings)).isEqualTo(settings);
  }
}
