// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import auditbus.agent.capture.CaptureReport;
import auditbus.agent.capture.StateReport;
import auditbus.agent.trail.TrailSource;
import auditbus.schemas.AgentStatus;
import auditbus.schemas.CaptureStatus;
import auditbus.schemas.KernelStatus;
import auditbus.schemas.SourceStatus;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.apache.avro.Schema;
import org.apache.avro.specific.SpecificRecord;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How a capture that is a process of its own stands, in {@code capture.json} beside its trails: the
 * distributing process has it from there for its heartbeats.
 *
 * <p>The file is an {@link AgentStatus} as JSON, replaced whole. Not thread-safe; the reader is of
 * its own.
 */
final class CaptureStatusFile {
  private static final Logger LOG = LoggerFactory.getLogger(CaptureStatusFile.class);
  private static final String NAME = "capture.json";
  private static final int LATE_BEATS = 3;

  private final HostFacts facts;
  private final Captures captures;
  private final Instant started = Instant.now().truncatedTo(ChronoUnit.MICROS);
  private long beats;
  private long nextNanos = System.nanoTime();
  private Optional<StatusFile> statusFile = Optional.empty();
  private Path written = Path.of("");

  CaptureStatusFile(HostFacts facts, Captures captures) {
    this.facts = facts;
    this.captures = captures;
  }

  static Path file(AgentConfig config) {
    return config.trailDir().resolve(NAME);
  }

  void writeWhenDue(AgentConfig config) {
    long now = System.nanoTime();
    if (now - nextNanos < 0) {
      return;
    }
    nextNanos = now + config.heartbeat().toNanos();
    Path file = file(config);
    if (statusFile.isEmpty() || !written.equals(file)) {
      statusFile = Optional.of(new StatusFile(file, config.readers()));
      written = file;
    }
    statusFile.get().write(status(config));
  }

  private AgentStatus status(AgentConfig config) {
    List<SourceStatus> sources = new ArrayList<>();
    for (SourceConfig source : config.sources()) {
      captures.report(source.name()).ifPresent(report -> sources.add(status(source, report)));
    }
    return AgentStatus.newBuilder()
        .setHost(config.host())
        .setMachineId(facts.machineId().orElse(null))
        .setBoot(facts.boot().orElse(null))
        .setEpoch(started.toEpochMilli())
        .setVersion(Version.get())
        .setStarted(started)
        .setAt(Instant.now().truncatedTo(ChronoUnit.MICROS))
        .setSequence(beats++)
        .setIntervalMs(config.heartbeat().toMillis())
        .setKernel(captures.kernel().orElse(null))
        .setSources(sources)
        .build();
  }

  private static SourceStatus status(SourceConfig source, CaptureReport report) {
    return SourceStatus.newBuilder()
        .setName(source.name())
        .setType(source.type().word())
        .setState(report.running() && report.error().isEmpty() ? "RUNNING" : "FAILED")
        .setError(report.error().orElse(null))
        .setTrail(report.status().getTrail().orElse(null))
        .setHead(report.status().getPosition())
        .setAcked(0)
        .setWaitingBytes(0)
        .setReceived(report.received())
        .setWritten(report.written())
        .setDropped(report.dropped())
        .setAckedRecords(0)
        .setWaitingRecords(report.written())
        .setEvents(0)
        .setIncomplete(0)
        .setUnparsed(0)
        .setOverruns(report.overruns())
        .setTrailsClosed(report.status().getTrailsWritten())
        .setCapture(report.status())
        .build();
  }

  /** Writes what SIGCONT asks an audit daemon for: {@code agent.state} in the state directory. */
  void report(AgentConfig config) {
    for (SourceConfig source : config.sources()) {
      Optional<CaptureReport> found = captures.report(source.name());
      if (found.isPresent()) {
        CaptureReport report = found.get();
        Map<String, Long> counters = new LinkedHashMap<>();
        counters.put("received", report.received());
        counters.put("written", report.written());
        counters.put("dropped", report.dropped());
        counters.put("overruns", report.overruns());
        Path file = config.trailDir().resolve(source.name() + ".state");
        try {
          new StateReport(
                  Version.get(),
                  Instant.now(),
                  source.trails().resolve(report.status().getTrail().orElse("none")),
                  report.status().getPosition(),
                  report.error().isEmpty(),
                  !report.running(),
                  report.error().isPresent(),
                  counters)
              .write(file);
          config.readers().admitTo(file);
          LOG.info("state report written to {}", file);
        } catch (IOException e) {
          LOG.error("state report {} can't be written: {}", file, e.toString());
        }
      }
    }
  }

  /** Reads what the capturing process writes. */
  static CaptureView reader(Supplier<AgentConfig> config) {
    return new Reader(config);
  }

  private static final class Reader implements CaptureView {
    private static final JsonMapper JSON = new JsonMapper();
    private static final long MOST_BYTES = 1024 * 1024;
    private static final long MOST_INTERVAL_MS = 3_600_000;

    private final Supplier<AgentConfig> config;

    Reader(Supplier<AgentConfig> config) {
      this.config = config;
    }

    @Override
    public Optional<KernelStatus> kernel() {
      return read()
          .map(status -> status.path("kernel"))
          .filter(JsonNode::isObject)
          .map(kernel -> numbers(new KernelStatus(), kernel));
    }

    @Override
    public Optional<CaptureReport> report(String source) {
      Optional<JsonNode> status = read();
      if (status.isEmpty()) {
        return Optional.empty();
      }
      for (JsonNode one : status.get().path("sources")) {
        if (one.path("name").asText().equals(source)) {
          JsonNode detail = one.path("capture");
          CaptureStatus capture = numbers(new CaptureStatus(), detail);
          capture.setAttached(detail.path("attached").asBoolean());
          capture.setTrail(detail.path("trail").isNull() ? null : detail.path("trail").asText());
          Optional<String> late = late(status.get());
          Optional<String> error =
              late.or(
                  () ->
                      Optional.of(one.path("error"))
                          .filter(JsonNode::isTextual)
                          .map(JsonNode::asText));
          return Optional.of(
              new CaptureReport(
                  late.isEmpty() && capture.getAttached(),
                  error,
                  one.path("received").asLong(),
                  one.path("written").asLong(),
                  one.path("dropped").asLong(),
                  one.path("overruns").asLong(),
                  capture));
        }
      }
      return Optional.empty();
    }

    @Override
    public Optional<TrailSource.Captured> captured(String source) {
      return Optional.empty(); // by another process: its trails are as anybody's
    }

    private Optional<String> late(JsonNode status) {
      long most = LATE_BEATS * Math.clamp(status.path("intervalMs").asLong(), 0, MOST_INTERVAL_MS);
      String at = status.path("at").asText();
      try {
        return Instant.parse(at).plusMillis(most).isBefore(Instant.now())
            ? Optional.of("the capturing process has not said anything since " + at)
            : Optional.empty();
      } catch (DateTimeException e) {
        return Optional.of("the capturing process left no time in " + file(config.get()));
      }
    }

    /** What it wrote last; empty if no such process has run, or that is none of ours. */
    private Optional<JsonNode> read() {
      Path file = file(config.get());
      try {
        // Another user's file: it may be anything, and must neither hold us up nor fill our heap.
        if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
            || Files.size(file) > MOST_BYTES) {
          return Optional.empty();
        }
        return Optional.of(JSON.readTree(Files.readString(file)));
      } catch (IOException e) {
        return Optional.empty();
      }
    }

    /** Sets the fields that are numbers. */
    private static <T extends SpecificRecord> T numbers(T record, JsonNode from) {
      for (Schema.Field field : record.getSchema().getFields()) {
        if (field.schema().getType() == Schema.Type.LONG) {
          record.put(field.pos(), from.path(field.name()).asLong());
        }
      }
      return record;
    }
  }
}
