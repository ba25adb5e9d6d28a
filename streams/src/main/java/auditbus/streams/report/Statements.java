// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.report;

import auditbus.streams.lines.JsonLine;
import auditbus.streams.lines.TopicReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Comparator;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Function;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * The statements of a topic that hold: of each id the last one, as far as it is asked for, in the
 * order of their times.
 *
 * <p>Bounded: keeps them as they came over the wire, at most {@value #MOST} (some 70 MB); beyond
 * that those go that were published longest ago, which is told.
 *
 * <p>Not thread-safe.
 *
 * @param <T> the topic's type
 */
final class Statements<T extends SpecificRecord> {
  static final int MOST = 100_000;

  private final Class<T> type;
  private final Function<T, Optional<Instant>> wanted;
  private final int most;
  private final Map<String, Kept> kept = new LinkedHashMap<>();
  private long leftOut;

  private record Kept(Instant time, ConsumerRecord<byte[], byte[]> record) {}

  /**
   * Makes it empty.
   *
   * @param wanted the statement's time, empty if it is not asked for
   */
  Statements(Class<T> type, int most, Function<T, Optional<Instant>> wanted) {
    this.type = type;
    this.most = most;
    this.wanted = wanted;
  }

  void take(
      ConsumerRecord<byte[], byte[]> record,
      Function<ConsumerRecord<byte[], byte[]>, Optional<SpecificRecord>> values) {
    String id = record.key() == null ? "" : new String(record.key(), StandardCharsets.UTF_8);
    kept.remove(id); // a later word on the same thing: the earlier one holds no longer
    Optional<Instant> time =
        values.apply(record).filter(type::isInstance).map(type::cast).flatMap(wanted);
    if (time.isPresent()) {
      kept.put(id, new Kept(time.get(), record));
      if (kept.size() > most) {
        Iterator<Kept> oldest = kept.values().iterator();
        oldest.next();
        oldest.remove();
        leftOut++;
      }
    }
  }

  private Optional<T> value(ConsumerRecord<byte[], byte[]> record, TopicReader reader) {
    return reader.value(record).filter(type::isInstance).map(type::cast);
  }

  int size() {
    return kept.size();
  }

  /** How many went for want of room. */
  long leftOut() {
    return leftOut;
  }

  /** Reads the whole topic and prints what holds. */
  static <T extends SpecificRecord> void print(
      String topic,
      Scope scope,
      Statements<T> statements,
      Optional<Layout<T>> layout,
      Map<String, ?> client,
      OutputStream out,
      BooleanSupplier stop,
      Consumer<String> problems)
      throws IOException {
    try (TopicReader reader =
        TopicReader.open(
            client, Map.of(topic, new TopicReader.From.Beginning()), scope.hosts(), problems)) {
      while (!stop.getAsBoolean() && !reader.isAtEnd()) {
        for (ConsumerRecord<byte[], byte[]> record : reader.poll()) {
          if (reader.wasThere(record)) {
            statements.take(record, reader::value);
          }
        }
      }
      if (layout.isPresent()) {
        statements.table(layout.get(), out, reader);
      } else {
        statements.json(out, reader);
      }
      if (statements.leftOut > 0) {
        problems.accept(
            statements.leftOut
                + " of "
                + topic
                + " more match and were left out, those published longest ago: at most "
                + statements.most
                + " are listed, ask for less");
      }
    }
  }

  /**
   * How a statement is a row.
   *
   * @param headings as {@link Table} takes them
   */
  record Layout<T>(List<String> headings, Function<T, List<String>> cells) {}

  private List<Kept> ordered() {
    return kept.values().stream().sorted(Comparator.comparing(Kept::time)).toList();
  }

  // Decoded twice rather than kept decoded: the widths are known only after the last.
  private void table(Layout<T> layout, OutputStream out, TopicReader reader) throws IOException {
    List<Kept> rows = ordered();
    Table table = new Table(layout.headings().toArray(String[]::new));
    for (Kept row : rows) {
      value(row.record(), reader).map(layout.cells()).ifPresent(table::measure);
    }
    Writer writer = new BufferedWriter(new OutputStreamWriter(out, StandardCharsets.UTF_8));
    writer.write(table.heading() + "\n");
    for (Kept row : rows) {
      Optional<T> value = value(row.record(), reader);
      if (value.isPresent()) {
        writer.write(table.line(layout.cells().apply(value.get())) + "\n");
      }
    }
    writer.flush();
  }

  private void json(OutputStream out, TopicReader reader) throws IOException {
    JsonLine lines = JsonLine.ascii(out);
    for (Kept row : ordered()) {
      Optional<T> value = value(row.record(), reader);
      if (value.isPresent()) {
        lines.write(value.get());
      }
    }
    lines.flush();
    out.flush();
  }
}
