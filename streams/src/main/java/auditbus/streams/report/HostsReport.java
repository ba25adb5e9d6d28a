// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.report;

import auditbus.schemas.AgentStatus;
import auditbus.schemas.GapKind;
import auditbus.schemas.KernelStatus;
import auditbus.schemas.ShutdownAttribution;
import auditbus.schemas.SourceStatus;
import auditbus.schemas.Topics;
import auditbus.streams.lines.JsonLine;
import auditbus.streams.lines.TopicReader;
import auditbus.streams.lines.TopicReader.From;
import auditbus.streams.report.Fleet.Host;
import auditbus.streams.report.Fleet.State;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * How the hosts are: a row for each source of each host, or a JSON line a host; once, or every two
 * seconds until told to stop.
 *
 * <p>On a terminal a watched table fills the screen, hosts in trouble first; elsewhere it is
 * printed anew each time, after an empty line, as {@code top -b} does.
 *
 * <p>Ages are by the broker's time of the last heartbeat and the clock of this machine.
 */
public final class HostsReport implements Report {
  /** Heartbeats read where nothing else is said: those of 10,000 hosts in eight minutes. */
  public static final long MOST_HEARTBEATS = 1_000_000;

  private static final Duration REDRAW = Duration.ofSeconds(2);
  private static final String[] HEADINGS = {
    "HOST",
    "STATE",
    ">SEEN",
    "VERSION",
    ">LOST",
    "GAPS",
    "SOURCE",
    "TYPE",
    "RUNS",
    "TRAIL",
    ">HEAD",
    ">ACKED",
    ">WAITING",
    ">LAG",
    "REMARK"
  };

  private final Scope scope;
  private final boolean json;
  private final boolean watch;
  private final Optional<Screen> screen;
  private final InstantSource clock;
  private final LongSupplier nanoClock;

  /**
   * Makes it; nothing is read.
   *
   * @param scope its {@code since} is from when on heartbeats are read
   * @param screen where a watched table is drawn, empty where output is no terminal
   */
  public HostsReport(Scope scope, boolean json, boolean watch, Optional<Screen> screen) {
    this(scope, json, watch, screen, InstantSource.system(), System::nanoTime);
  }

  HostsReport(
      Scope scope,
      boolean json,
      boolean watch,
      Optional<Screen> screen,
      InstantSource clock,
      LongSupplier nanoClock) {
    this.scope = scope;
    this.json = json;
    this.watch = watch;
    this.screen = screen;
    this.clock = clock;
    this.nanoClock = nanoClock;
  }

  @Override
  public void print(
      Map<String, ?> client,
      OutputStream out,
      BooleanSupplier stop,
      Consumer<String> problems,
      Consumer<String> notes)
      throws IOException {
    Map<String, From> topics = new HashMap<>();
    topics.put(Topics.GAPS.topic(), new From.Beginning());
    topics.put(Topics.SHUTDOWNS.topic(), new From.Beginning());
    topics.put(
        Topics.AGENTS.topic(),
        scope.since().<From>map(From.Since::new).orElse(new From.Last(MOST_HEARTBEATS)));
    Fleet fleet = new Fleet(scope);
    try (TopicReader reader = TopicReader.open(client, topics, scope.hosts(), problems)) {
      if (reader.passedOver() > 0) {
        notes.accept(
            "only the last "
                + MOST_HEARTBEATS
                + " heartbeats are read: a host that is silent since before them is missing or"
                + " UNSEEN; --since reads further back");
      }
      while (!stop.getAsBoolean() && !reader.isAtEnd()) {
        take(fleet, reader);
      }
      draw(fleet, reader, out);
      if (fleet.uncounted() > 0) {
        problems.accept(
            "more than " + Fleet.MOST_OPEN + " gaps are open: the others are not counted");
      }
      long next = nanoClock.getAsLong() + REDRAW.toNanos();
      while (watch && !stop.getAsBoolean()) {
        take(fleet, reader);
        if (nanoClock.getAsLong() - next >= 0) {
          next = nanoClock.getAsLong() + REDRAW.toNanos();
          if (screen.isEmpty() && !json) {
            out.write('\n');
          }
          draw(fleet, reader, out);
        }
      }
    }
  }

  private static void take(Fleet fleet, TopicReader reader) {
    for (ConsumerRecord<byte[], byte[]> record : reader.poll()) {
      fleet.take(record, reader);
    }
  }

  private void draw(Fleet fleet, TopicReader reader, OutputStream out) throws IOException {
    if (json) {
      lines(fleet, reader, out);
    } else if (watch && screen.isPresent()) {
      fill(screen.get(), fleet, reader, out);
    } else {
      table(fleet, reader, out);
    }
  }

  private void table(Fleet fleet, TopicReader reader, OutputStream out) throws IOException {
    Instant now = clock.instant();
    Table table = new Table(HEADINGS);
    for (Host host : fleet.hosts()) {
      rows(host, host.status(reader), host.lastStop(reader), now).forEach(table::measure);
    }
    Writer writer = new BufferedWriter(new OutputStreamWriter(out, StandardCharsets.UTF_8));
    writer.write(table.heading() + "\n");
    for (Host host : fleet.hosts()) {
      for (var row : rows(host, host.status(reader), host.lastStop(reader), now)) {
        writer.write(table.line(row) + "\n");
      }
    }
    writer.flush();
  }

  private void fill(Screen on, Fleet fleet, TopicReader reader, OutputStream out)
      throws IOException {
    record Ranked(Host host, int rank) {}
    Instant now = clock.instant();
    Map<State, Integer> counts = new EnumMap<>(State.class);
    List<Ranked> ranked = new ArrayList<>();
    for (Host host : fleet.hosts()) {
      Optional<AgentStatus> status = host.status(reader);
      State state = host.state(status, now);
      counts.merge(state, 1, Integer::sum);
      ranked.add(new Ranked(host, rank(host, state, status)));
    }
    ranked.sort(Comparator.comparingInt(Ranked::rank)); // stable: then by name
    Screen.Size size = on.size();
    List<List<String>> shown = new ArrayList<>();
    for (Ranked one : ranked) {
      if (shown.size() >= size.rows()) {
        break;
      }
      shown.addAll(rows(one.host(), one.host().status(reader), one.host().lastStop(reader), now));
    }
    Table table = new Table(HEADINGS);
    shown.forEach(table::measure);
    List<String> lines = new ArrayList<>();
    lines.add(summary(now, counts, fleet));
    lines.add(table.heading());
    shown.forEach(row -> lines.add(table.line(row)));
    on.draw(lines, size, out);
  }

  /** The lower, the more one wants to see it. */
  private static int rank(Host host, State state, Optional<AgentStatus> status) {
    if (state == State.SILENT || state == State.UNSEEN) {
      return 0;
    }
    boolean failed =
        status.stream()
            .flatMap(one -> one.getSources().stream())
            .anyMatch(source -> !source.getState().equals("RUNNING"));
    if (failed && state == State.UP) {
      return 1;
    }
    if (host.hasOpenGaps()) {
      return 2;
    }
    return state == State.STOPPED ? 3 : 4;
  }

  private static String summary(Instant now, Map<State, Integer> counts, Fleet fleet) {
    String states =
        counts.entrySet().stream()
            .map(one -> one.getValue() + " " + word(one.getKey()))
            .collect(Collectors.joining(", "));
    return Times.text(now)
        + "  "
        + fleet.hosts().size()
        + (fleet.hosts().size() == 1 ? " host" : " hosts")
        + (states.isEmpty() ? "" : ": " + states)
        + "; "
        + fleet.openGaps()
        + (fleet.uncounted() > 0 ? " gaps or more" : " gaps")
        + " open";
  }

  /** Trouble in capitals. */
  private static String word(State state) {
    return state == State.SILENT || state == State.UNSEEN
        ? state.name()
        : state.name().toLowerCase(Locale.ROOT);
  }

  static List<List<String>> rows(
      Host host, Optional<AgentStatus> status, Optional<ShutdownAttribution> stop, Instant now) {
    List<String> front =
        List.of(
            host.name(),
            word(host.state(status, now)),
            host.seen().map(seen -> Times.length(Duration.between(seen, now))).orElse(""),
            status.map(AgentStatus::getVersion).orElse(""),
            status
                .flatMap(AgentStatus::getKernel)
                .map(KernelStatus::getLost)
                .map(String::valueOf)
                .orElse(""),
            host.openGaps().entrySet().stream()
                .map(gaps -> gaps.getKey() + ":" + gaps.getValue())
                .collect(Collectors.joining(",")));
    Optional<String> stopped =
        stop.map(
            one ->
                "last stop "
                    + Times.text(one.getStopped())
                    + " "
                    + ShutdownsReport.daemon(one)
                    + ": "
                    + ShutdownsReport.who(one)
                    + (ShutdownsReport.sure(one).isEmpty() ? "" : " " + ShutdownsReport.sure(one)));
    List<SourceStatus> sources = status.map(AgentStatus::getSources).orElse(List.of());
    List<List<String>> rows = new ArrayList<>();
    for (SourceStatus source : sources) {
      rows.add(row(front, back(source), source.getError(), stopped));
    }
    if (rows.isEmpty()) {
      rows.add(row(front, List.of("", "", "", "", "", "", "", ""), Optional.empty(), stopped));
    }
    return rows;
  }

  private static List<String> back(SourceStatus source) {
    return List.of(
        source.getName(),
        source.getType(),
        source.getState().toLowerCase(Locale.ROOT).replace("failed", "FAILED"),
        source.getTrail().orElse(""),
        String.valueOf(source.getHead()),
        String.valueOf(source.getAcked()),
        String.valueOf(source.getWaitingBytes()),
        source.getLagMs().map(lag -> Times.length(Duration.ofMillis(lag))).orElse(""));
  }

  private static List<String> row(
      List<String> front, List<String> back, Optional<String> error, Optional<String> stopped) {
    List<String> row = new ArrayList<>(front);
    row.addAll(back);
    row.add(
        java.util.stream.Stream.of(error, stopped)
            .flatMap(Optional::stream)
            .collect(Collectors.joining("; ")));
    return row;
  }

  private void lines(Fleet fleet, TopicReader reader, OutputStream out) throws IOException {
    Instant now = clock.instant();
    JsonLine lines = JsonLine.ascii(out);
    for (Host host : fleet.hosts()) {
      Optional<AgentStatus> status = host.status(reader);
      JsonGenerator json = lines.raw();
      json.writeStartObject();
      json.writeStringField("host", host.name());
      json.writeStringField("state", host.state(status, now).name());
      json.writeStringField("at", now.toString());
      json.writeStringField("seen", host.seen().map(Instant::toString).orElse(null));
      json.writeObjectFieldStart("openGaps");
      for (Map.Entry<GapKind, Integer> gaps : host.openGaps().entrySet()) {
        json.writeNumberField(gaps.getKey().name(), gaps.getValue());
      }
      json.writeEndObject();
      json.writeFieldName("lastShutdown");
      lines.value(host.lastStop(reader).orElse(null));
      json.writeFieldName("status");
      lines.value(status.orElse(null));
      json.writeEndObject();
      lines.end();
    }
    lines.flush();
    out.flush();
  }
}
