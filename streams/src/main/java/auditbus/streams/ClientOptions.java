// SPDX-License-Identifier: Apache-2.0
package auditbus.streams;

import auditbus.schemas.ProvidedSettings;
import auditbus.schemas.SchemaRegistryConfig;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.MalformedInputException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.apache.kafka.clients.CommonClientConfigs;
import org.apache.kafka.common.config.ConfigException;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * The options every command that talks to a broker has. What stands later overrules: the file, then
 * {@code -D}, then {@code --bootstrap} and {@code --registry}.
 */
public final class ClientOptions {
  static final String DEFAULT_BOOTSTRAP = "localhost:9092";
  static final String DEFAULT_REGISTRY = "http://localhost:8081";

  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = "Settings, name=value a line (a Java properties file in UTF-8).")
  private Path file;

  @Option(
      names = "-D",
      paramLabel = "NAME=VALUE",
      mapFallbackValue = "",
      description = "A setting: one of auditbus, Kafka's clients or the schema registry's.")
  private Map<String, String> settings = new TreeMap<>();

  @Option(
      names = "--bootstrap",
      paramLabel = "HOST:PORT,...",
      description = "Brokers to begin with (bootstrap.servers); default " + DEFAULT_BOOTSTRAP + ".")
  private String bootstrap;

  @Option(
      names = "--registry",
      paramLabel = "URL,...",
      description = "The schema registry (schema.registry.url); default " + DEFAULT_REGISTRY + ".")
  private String registry;

  /**
   * All settings, their variables replaced.
   *
   * @throws ParameterException if the file cannot be read, or a variable has no value
   */
  public Map<String, String> settings() {
    Map<String, String> all = new TreeMap<>();
    all.put(CommonClientConfigs.BOOTSTRAP_SERVERS_CONFIG, DEFAULT_BOOTSTRAP);
    all.put(SchemaRegistryConfig.URL, DEFAULT_REGISTRY);
    if (file != null) {
      all.putAll(read(file));
    }
    all.putAll(settings);
    if (bootstrap != null) {
      all.put(CommonClientConfigs.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
    }
    if (registry != null) {
      all.put(SchemaRegistryConfig.URL, registry);
    }
    try {
      return ProvidedSettings.resolve(all);
    } catch (ConfigException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }

  private Map<String, String> read(Path path) {
    Properties properties = new Properties();
    try (InputStream in = Files.newInputStream(path)) {
      String text =
          StandardCharsets.UTF_8
              .newDecoder()
              .decode(java.nio.ByteBuffer.wrap(in.readAllBytes()))
              .toString();
      properties.load(new java.io.StringReader(text));
    } catch (NoSuchFileException e) {
      throw wrong("there is no file " + path, e);
    } catch (MalformedInputException e) {
      throw wrong(path + " is not UTF-8", e);
    } catch (IOException | IllegalArgumentException e) {
      throw wrong("cannot read " + path + ": " + Failure.text(e), e);
    }
    Map<String, String> map = new TreeMap<>();
    properties.stringPropertyNames().forEach(name -> map.put(name, properties.getProperty(name)));
    return map;
  }

  private ParameterException wrong(String message, Throwable cause) {
    return new ParameterException(spec.commandLine(), "--config: " + message, cause);
  }
}
