// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The events of one boot that came incomplete and did not come complete, from whatever source.
 *
 * <p>Of each it counts what each source brought: an event in two pieces that add up is complete.
 *
 * <p>Bounded: {@value #MAX_EVENTS} events of {@value #MAX_SOURCES} sources with {@value
 * #MAX_PIECES} records each; beyond that the oldest is counted as incomplete for good, in {@value
 * #MAX_TRAILS} trails.
 *
 * <p>Not thread-safe: the processor owns it.
 */
final class IncompleteEvents {
  static final int MAX_EVENTS = 256;
  static final int MAX_SOURCES = 4;
  static final int MAX_PIECES = 64;
  static final int MAX_TRAILS = 16;

  private static final int VERSION = 1;
  private static final int SYSCALL = 1300;
  private static final int PATH = 1302;
  private static final int EXECVE = 1309;
  private static final int MQ_OPEN = 1312;
  private static final int EOE = 1320;
  private static final int PROCTITLE = 1327;
  // What only ever adds to a SYSCALL: IPC, SOCKETCALL, SOCKADDR, CWD, EXECVE, OBJ_PID, ...
  private static final Set<Integer> ADDED =
      Set.of(PATH, 1303, 1304, 1306, 1307, EXECVE, MQ_OPEN, 1317, 1318, EOE, PROCTITLE);
  // An EXECVE record that may have been followed by another.
  private static final int FULL_RECORD_BYTES = 7_000;
  private static final Pattern ITEMS = Pattern.compile(" items=(\\d{1,9})");
  private static final Pattern ARGC = Pattern.compile("[ :]argc=(\\d{1,9})");
  // One that did not fit is announced by its length.
  private static final Pattern ARGUMENT = Pattern.compile(" a(\\d{1,9})(?:_len)?=");

  /** What one source brought of one event. */
  private static final class Pieces {
    private String trail = "";
    private final Set<Long> positions = new HashSet<>();
    private boolean more;
    private boolean syscall;
    private boolean other;
    private boolean ended;
    private boolean mayHide;
    private boolean full;
    private long items;
    private long paths;
    private long argc;
    private long arguments;

    private void take(AuditEvent event) {
      if (trail.isEmpty()) {
        trail = event.getTrail();
      }
      for (AuditRecord record : event.getRecords()) {
        if (positions.size() == MAX_PIECES) {
          more = true;
        } else if (positions.add(
            record.getPosition() * 31 + record.getTrail().orElse(event.getTrail()).hashCode())) {
          take(record);
        }
      }
    }

    private void take(AuditRecord record) {
      switch (record.getType()) {
        case SYSCALL -> {
          syscall = true;
          items = Math.max(items, number(ITEMS, text(record)));
        }
        case PATH -> paths++;
        case EXECVE -> {
          String text = text(record);
          argc = Math.max(argc, number(ARGC, text));
          Set<String> found = new HashSet<>();
          Matcher argument = ARGUMENT.matcher(text);
          while (argument.find()) {
            found.add(argument.group(1));
          }
          arguments += found.size();
          full |= record.getLength() >= FULL_RECORD_BYTES;
        }
        case EOE, PROCTITLE -> ended = true;
        default -> {}
      }
      mayHide |= record.getType() == MQ_OPEN;
      other |= record.getType() != SYSCALL && !ADDED.contains(record.getType());
    }

    private static String text(AuditRecord record) {
      return StandardCharsets.ISO_8859_1.decode(record.getRaw().duplicate()).toString();
    }

    private static long number(Pattern pattern, String text) {
      Matcher matcher = pattern.matcher(text);
      return matcher.find() ? Long.parseLong(matcher.group(1)) : 0;
    }

    private boolean isWhole() {
      return syscall && ended && !more && paths >= items && arguments >= argc;
    }

    /** Whether what is there proves that more was there. */
    private boolean provesLack() {
      if (more) {
        return false;
      }
      return syscall ? paths < items - (mayHide ? 1 : 0) || (arguments < argc && full) : !other;
    }

    private void encode(DataOutputStream out) throws IOException {
      out.writeUTF(trail);
      out.writeByte(
          (more ? 1 : 0)
              | (syscall ? 2 : 0)
              | (other ? 4 : 0)
              | (ended ? 8 : 0)
              | (mayHide ? 16 : 0)
              | (full ? 32 : 0));
      Numbers.write(items, out);
      Numbers.write(paths, out);
      Numbers.write(argc, out);
      Numbers.write(arguments, out);
      out.writeByte(positions.size());
      for (long position : positions) {
        Numbers.writeSigned(position, out);
      }
    }

    private static Pieces decode(DataInputStream in) throws IOException {
      Pieces pieces = new Pieces();
      pieces.trail = in.readUTF();
      int flags = in.readByte();
      pieces.more = (flags & 1) != 0;
      pieces.syscall = (flags & 2) != 0;
      pieces.other = (flags & 4) != 0;
      pieces.ended = (flags & 8) != 0;
      pieces.mayHide = (flags & 16) != 0;
      pieces.full = (flags & 32) != 0;
      pieces.items = Numbers.read(in);
      pieces.paths = Numbers.read(in);
      pieces.argc = Numbers.read(in);
      pieces.arguments = Numbers.read(in);
      for (int left = in.readByte(); left > 0; left--) {
        pieces.positions.add(Numbers.readSigned(in));
      }
      return pieces;
    }
  }

  private static final class Event {
    private final long timeMs;
    private final long seenMs;
    // By source: the lowest name is the one the event is told of.
    private final TreeMap<String, Pieces> sources = new TreeMap<>();

    private Event(long timeMs, long seenMs) {
      this.timeMs = timeMs;
      this.seenMs = seenMs;
    }
  }

  /**
   * Where incomplete events are told of.
   *
   * @param source their source
   * @param trail the trail
   */
  record Place(String source, String trail) implements Comparable<Place> {
    private static final Comparator<Place> ORDER =
        Comparator.comparing(Place::source).thenComparing(Place::trail);

    @Override
    public int compareTo(Place other) {
      return ORDER.compare(this, other);
    }
  }

  /**
   * An event that is due.
   *
   * @param serial its 64-bit serial
   * @param timeMs its time
   * @param proven whether what arrived of it proves that more was there
   */
  record Due(long serial, long timeMs, boolean proven) {}

  private final TreeMap<Long, Event> events = new TreeMap<>();
  private final LinkedHashMap<Place, Long> givenUp = new LinkedHashMap<>();

  /** How many events are followed. */
  int open() {
    return events.size();
  }

  /** Takes an incomplete event whose serial is new, or that is followed already. */
  void take(AuditEvent event, long serial, long timeMs, boolean fresh, long brokerMs) {
    Event one = events.get(serial);
    if (one == null) {
      if (!fresh) {
        // It came complete before: this is what an agent cut off, or sent again.
        return;
      }
      one = new Event(timeMs, brokerMs);
      events.put(serial, one);
    }
    if (one.sources.size() < MAX_SOURCES || one.sources.containsKey(event.getSource())) {
      Pieces pieces = one.sources.computeIfAbsent(event.getSource(), _ -> new Pieces());
      pieces.take(event);
      if (pieces.isWhole()) {
        events.remove(serial);
      }
    }
    while (events.size() > MAX_EVENTS) {
      Event oldest = events.pollFirstEntry().getValue();
      Place place = place(oldest);
      if (givenUp.containsKey(place) || givenUp.size() < MAX_TRAILS) {
        givenUp.merge(place, 1L, Long::sum);
      }
    }
  }

  /** The event came complete. */
  void completed(long serial) {
    events.remove(serial);
  }

  private static Place place(Event event) {
    return new Place(event.sources.firstKey(), event.sources.firstEntry().getValue().trail);
  }

  /** The events seen up to that broker time, by where they are told of. */
  Map<Place, List<Due>> due(long settledMs) {
    Map<Place, List<Due>> due = new TreeMap<>();
    events.forEach(
        (serial, event) -> {
          if (event.seenMs <= settledMs) {
            boolean proven = event.sources.values().stream().allMatch(Pieces::provesLack);
            due.computeIfAbsent(place(event), _ -> new ArrayList<>())
                .add(new Due(serial, event.timeMs, proven));
          }
        });
    givenUp.keySet().forEach(place -> due.computeIfAbsent(place, _ -> new ArrayList<>()));
    return due;
  }

  /** Whether an event was seen after that broker time. */
  boolean hasUndue(long settledMs) {
    return events.values().stream().anyMatch(event -> event.seenMs > settledMs);
  }

  /** How many events of that place are no longer followed. */
  long givenUp(Place place) {
    return givenUp.getOrDefault(place, 0L);
  }

  byte[] encode() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeByte(VERSION);
      Numbers.write(events.size(), out);
      for (Map.Entry<Long, Event> one : events.entrySet()) {
        Numbers.write(one.getKey(), out);
        Numbers.writeSigned(one.getValue().timeMs, out);
        Numbers.writeSigned(one.getValue().seenMs, out);
        out.writeByte(one.getValue().sources.size());
        for (Map.Entry<String, Pieces> source : one.getValue().sources.entrySet()) {
          out.writeUTF(source.getKey());
          source.getValue().encode(out);
        }
      }
      out.writeByte(givenUp.size());
      for (Map.Entry<Place, Long> one : givenUp.entrySet()) {
        out.writeUTF(one.getKey().source());
        out.writeUTF(one.getKey().trail());
        Numbers.write(one.getValue(), out);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  static IncompleteEvents decode(byte[] bytes) {
    if (bytes.length == 0 || bytes[0] != VERSION) {
      throw new StateVersionException(bytes.length == 0 ? 0 : bytes[0], VERSION);
    }
    IncompleteEvents incomplete = new IncompleteEvents();
    try (DataInputStream in =
        new DataInputStream(new ByteArrayInputStream(bytes, 1, bytes.length - 1))) {
      for (long left = Numbers.read(in); left > 0; left--) {
        long serial = Numbers.read(in);
        Event event = new Event(Numbers.readSigned(in), Numbers.readSigned(in));
        for (int sources = in.readByte(); sources > 0; sources--) {
          event.sources.put(in.readUTF(), Pieces.decode(in));
        }
        incomplete.events.put(serial, event);
      }
      for (int left = in.readByte(); left > 0; left--) {
        incomplete.givenUp.put(new Place(in.readUTF(), in.readUTF()), Numbers.read(in));
      }
    } catch (IOException e) {
      throw new UncheckedIOException("incomplete events of " + bytes.length + " bytes are cut", e);
    }
    return incomplete;
  }
}
