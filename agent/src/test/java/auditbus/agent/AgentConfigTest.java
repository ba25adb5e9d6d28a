// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import auditbus.schemas.Format;
import auditbus.schemas.SchemaRegistryClient;
import auditbus.schemas.Topics;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.common.config.ConfigException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AgentConfigTest {
  private static final Map<String, String> SMALLEST =
      Map.of(
          "bootstrap.servers", "broker1:9092",
          "schema.registry.url", "http://registry:8081",
          "host", "web1",
          "sources.auditd.type", "auditlog",
          "sources.auditd.path", "/var/log/audit/audit.log");

  @Test
  void smallest_hasTheseDefaults() {
    Map<String, Object> defaults = new TreeMap<>();
    AgentConfig.definition()
        .configKeys()
        .forEach(
            (name, key) -> defaults.put(name, key.hasDefault() ? key.defaultValue : "(needed)"));
    assertThat(defaults)
        .hasToString(
            "{auto.register.schemas=true, bootstrap.servers=(needed), checkpoint.interval.ms=250,"
                + " event.distance.bytes=4194304, event.timeout.ms=2000, flush=incremental,"
                + " flush.interval.ms=1000, flush.records=50, heartbeat.ms=5000, host=,"
                + " in.flight.max.bytes=8388608, kernel.backlog.limit=null,"
                + " kernel.backlog.wait.time=null, kernel.failure=null, kernel.rate.limit=null,"
                + " kernel.startup=enable, liveness.interval.ms=1000, on.full=drop-oldest,"
                + " once=false, receive.buffer.bytes=0, scan.interval.ms=50,"
                + " schema.registry.url=(needed), shutdown.timeout.ms=5000, signal.grace.ms=2000,"
                + " space.min.free.bytes=67108864, state.dir=/var/lib/auditbus, trail.dir=,"
                + " trail.group=, trail.keep.ms=86400000, trail.max.age.ms=3600000,"
                + " trail.max.bytes=67108864}");
    AgentConfig config = AgentConfig.of(SMALLEST);
    assertThat(config.host()).isEqualTo("web1");
    assertThat(config.sources())
        .containsExactly(
            new SourceConfig(
                "auditd",
                SourceType.AUDITLOG,
                Path.of("/var/log/audit/audit.log"),
                Path.of("/var/log/audit/audit.log"),
                Optional.of(Format.LINUX),
                false));
    assertThat(config.producerSettings())
        .containsEntry("acks", "all")
        .containsEntry("enable.idempotence", true)
        .containsEntry("delivery.timeout.ms", Integer.MAX_VALUE);
  }

  // benchmarks/bin/faults --seconds 3600 --seed 60, beside builds: the registry took more than the
  // half second it was given, each time.
  @Test
  void registryThatTakesMoreThanASecond_isWaitedFor() throws Exception {
    HttpServer slow =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    slow.createContext(
        "/",
        exchange -> {
          LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1200)); // what it takes
          byte[] id = "{\"id\":7}".getBytes(StandardCharsets.UTF_8);
          exchange.sendResponseHeaders(200, id.length);
          exchange.getResponseBody().write(id);
          exchange.close();
        });
    slow.start();
    try {
      Map<String, String> settings = new HashMap<>(SMALLEST);
      settings.put("schema.registry.url", "http://127.0.0.1:" + slow.getAddress().getPort());
      SchemaRegistryClient client =
          new SchemaRegistryClient(AgentConfig.of(settings).registrySettings());
      assertThat(client.register(Topics.EVENTS.subject(), Topics.EVENTS.schema())).isEqualTo(7);
    } finally {
      slow.stop(0);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "bootstrap.server       | broker:9092 | unknown key 'bootstrap.server'",
        "bootstrap.servers      | banana      | host:port",
        "schema.registry.url    | banana      | http://host:port",
        "host                   | Web 1       | lower-case",
        "heartbeat.ms           | soon        | heartbeat.ms",
        "heartbeat.ms           | 1           | heartbeat.ms",
        "producer.acks          | 1           | producer.acks",
        "sources.auditd.type    | netlink     | known are kernel, readlog, audisp, auditlog, trails",
        "sources.auditd.type    | kernel      | leave the path away",
        "kernel.failure         | 3           | want 0 to 2",
        "flush                  | never       | flush",
        "sources.auditd.path    | ''          | a directory or file is wanted",
        "sources.Audit!.type    | trails      | a source's name wants",
        "sources.auditd.format  | linux       | auditlog is Linux audit text: leave it away",
        "sources.auditd.speed   | 3           | unknown key 'sources.auditd.speed'",
        "sources.auditd.delete  | always      | known are never, acked",
        "sources.auditd.delete  | acked       | only trails are deleted",
      })
  void wrongValue_isOneErrorThatNamesIt(String key, String value, String message) {
    Map<String, String> settings = new HashMap<>(SMALLEST);
    settings.put(key, value);
    assertThatThrownBy(() -> AgentConfig.of(settings))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(message);
  }

  @Test
  void trails_tellTheirFormatUnlessItIsConfigured() {
    Map<String, Optional<Format>> wanted =
        Map.of(
            "auto", Optional.empty(),
            "linux", Optional.of(Format.LINUX),
            "bsm", Optional.of(Format.BSM));
    wanted.forEach(
        (word, format) -> {
          Map<String, String> settings = new HashMap<>(SMALLEST);
          settings.put("sources.auditd.type", "trails");
          assertThat(AgentConfig.of(settings).sources().getFirst().format()).isEmpty();
          settings.put("sources.auditd.format", word);
          assertThat(AgentConfig.of(settings).sources().getFirst().format()).isEqualTo(format);
          settings.put("sources.auditd.format", word + "x");
          assertThatThrownBy(() -> AgentConfig.of(settings))
              .hasMessageContaining("known are auto, linux, bsm");
        });
  }

  @Test
  void capturedSources_haveTheirTrailsInTheTrailDirectory() {
    Map<String, String> settings = new HashMap<>(SMALLEST);
    settings.put("state.dir", "/state");
    settings.put("sources.kernel.type", "kernel");
    settings.put("sources.plugin.type", "audisp");
    assertThat(AgentConfig.of(settings).sources())
        .contains(
            new SourceConfig(
                "kernel",
                SourceType.KERNEL,
                Path.of("/state/trails/kernel"),
                Path.of("/state/trails/kernel"),
                Optional.of(Format.LINUX),
                false),
            new SourceConfig(
                "plugin",
                SourceType.AUDISP,
                Path.of("/run/audispd_events"),
                Path.of("/state/trails/plugin"),
                Optional.of(Format.LINUX),
                false));
  }

  @Test
  void captureAlone_needsNoKafka() {
    Map<String, String> settings = Map.of("sources.kernel.type", "kernel");
    assertThat(AgentConfig.of(settings, Half.CAPTURE).sources()).hasSize(1);
    assertThatThrownBy(() -> AgentConfig.of(settings, Half.BOTH))
        .hasMessageContaining("bootstrap.servers");
  }

  @Test
  void wrongValueInAFile_isNamedWithItsLine(@TempDir Path directory) throws IOException {
    Path file =
        Files.writeString(
            directory.resolve("agent.properties"),
            """
            # a comment
            bootstrap.servers=broker1:9092
            schema.registry.url=http://registry:8081

              heartbeat.ms = soon
            sources.auditd.type=auditlog
            sources.auditd.path=/var/log/audit/audit.log
            """);
    assertThatThrownBy(() -> AgentConfig.read(file, Map.of(), Half.BOTH))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(file + " line 5: ")
        .hasMessageContaining("heartbeat.ms")
        .hasMessageContaining("soon");
    Map<String, String> mended = Map.of("heartbeat.ms", "7000", "sources.auditd.type", "banana");
    assertThatThrownBy(() -> AgentConfig.read(file, mended, Half.BOTH))
        .hasMessageContaining("-D sources.auditd.type");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          user:swordfish@registry:8081                                | URL number 1
          ftp://user:swordfish@registry                               | URL number 1
          http://user:swordfish                                       | URL number 1
          http:///user:swordfish@registry                             | URL number 1
          https://registry:8081,registry2:8081?password=swordfish     | URL number 2
          http://user:pass,swordfish@registry:8081                    | URL number 2
          http://user:swordfish@regis_try:8081                        | URL number 1
          http://user:sword fish@registry:8081,http://user:swordfish@ | URL number 1
          """)
  void wrongRegistry_isNamedWithoutItsPassword(String url, String number, @TempDir Path directory)
      throws IOException {
    Map<String, String> settings = new TreeMap<>(SMALLEST);
    settings.put("schema.registry.url", url);
    Path file = directory.resolve("agent.properties");
    StringBuilder text = new StringBuilder();
    settings.forEach((key, value) -> text.append(key).append('=').append(value).append('\n'));
    Files.writeString(file, text);
    assertThatThrownBy(
            () ->
                new SchemaRegistryClient(
                    AgentConfig.read(file, Map.of(), Half.BOTH).registrySettings()))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("schema.registry.url: ")
        .hasMessageContaining(number)
        .hasMessageNotContaining("swordfish")
        .hasMessageNotContaining("user:")
        .hasNoCause();
  }

  @Test
  void oneAuditDaemonAHost_andNoEndOfAStream() {
    Map<String, String> settings = new HashMap<>(SMALLEST);
    settings.put("sources.a.type", "kernel");
    settings.put("sources.b.type", "kernel");
    assertThatThrownBy(() -> AgentConfig.of(settings)).hasMessageContaining("one audit daemon");
    settings.remove("sources.b.type");
    settings.put("once", "true");
    assertThatThrownBy(() -> AgentConfig.of(settings)).hasMessageContaining("has no end");
  }

  @Test
  void readme_namesEveryKeyWithItsDefault() throws IOException {
    String readme = Files.readString(Path.of("README.md"));
    AgentConfig.definition()
        .configKeys()
        .forEach(
            (name, key) -> {
              assertThat(readme).contains("| `" + name + "` |");
              if (key.hasDefault()
                  && key.defaultValue != null
                  && !key.defaultValue.toString().isEmpty()) {
                assertThat(readme).contains("| `" + name + "` | `" + key.defaultValue + "` |");
              }
            });
  }
}
