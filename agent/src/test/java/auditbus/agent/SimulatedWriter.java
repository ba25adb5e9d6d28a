// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.Supplier;

/**
 * Writes a directory of trails as an audit daemon in a bad world does: partial lines, interleaved
 * events, rotations, crashes, clock steps, replaced and cut files. It remembers what it wrote.
 */
final class SimulatedWriter {
  private static final DateTimeFormatter STAMP =
      DateTimeFormatter.ofPattern("uuuuMMddHHmmss").withZone(ZoneOffset.UTC);

  /** The bytes that stood in one file, from its making to its end. */
  static final class Lineage {
    final String start;
    final boolean bsm;
    final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    /** Its file was replaced or cut: what was not read of it is lost to anybody. */
    boolean damaged;

    Lineage(String start, boolean bsm) {
      this.start = start;
      this.bsm = bsm;
    }
  }

  /** A record of an event: the bytes of a lineage it stands in. */
  record Place(Lineage lineage, int position, int length) {}

  /** An event whose records were all written. */
  record Written(long serial, List<Place> places) {}

  private final Path directory;
  private final Random random;
  private final Supplier<Instant> clock;
  private final boolean mixed;
  private final byte[] bsmRecord;
  private final List<Lineage> lineages = new ArrayList<>();
  private final List<Written> events = new ArrayList<>();
  private final Deque<byte[]> pending = new ArrayDeque<>();
  private final List<List<String>> open = new ArrayList<>();
  private final List<List<Place>> openPlaces = new ArrayList<>();
  private final List<Long> openSerials = new ArrayList<>();
  private final Deque<Long> pendingSerials = new ArrayDeque<>();
  private Lineage current;
  private Path file;
  private int torn;
  private long serial;
  int replaced;

  SimulatedWriter(
      Path directory, Random random, Supplier<Instant> clock, boolean mixed, byte[] bsmRecord)
      throws IOException {
    this.directory = directory;
    this.random = random;
    this.clock = clock;
    this.mixed = mixed;
    this.bsmRecord = bsmRecord.clone();
    begin();
  }

  List<Lineage> lineages() {
    return lineages;
  }

  List<Written> events() {
    return events;
  }

  /** Does one thing. */
  void act() throws IOException {
    int what = random.nextInt(100);
    if (what < 86) {
      append();
    } else if (what < 94) {
      rotate();
    } else if (what < 97) {
      crash();
    } else if (what < 98) {
      replace();
    }
  }

  /** Writes what is left, and ends the last trail. */
  void finish() throws IOException {
    while (!open.isEmpty() || !pending.isEmpty()) {
      append();
    }
    if (torn > 0) {
      throw new IllegalStateException("half a record is left");
    }
    String end = STAMP.format(clock.get());
    Files.move(file, free(current.start + "." + end));
  }

  /** The host went down: the last bytes never reached the disk. */
  void cut() throws IOException {
    byte[] now = current.bytes.toByteArray();
    if (now.length < 2) {
      return;
    }
    int length = 1 + random.nextInt(now.length - 1);
    current.damaged = true;
    Lineage next = new Lineage(current.start, current.bsm);
    next.bytes.write(now, 0, length);
    Files.write(file, Arrays.copyOf(now, length));
    lineages.add(next);
    current = next;
    forget();
    end("crash_recovery");
    replaced++;
  }

  private void append() throws IOException {
    if (pending.isEmpty()) {
      if (current.bsm) {
        pending.add(bsmRecord);
        pendingSerials.add(-1L);
      } else {
        next();
      }
    }
    byte[] record = pending.peek();
    int rest = record.length - torn;
    int count = random.nextInt(3) == 0 ? 1 + random.nextInt(rest) : rest;
    int position = current.bytes.size() - torn;
    Files.write(file, Arrays.copyOfRange(record, torn, torn + count), StandardOpenOption.APPEND);
    current.bytes.write(record, torn, count);
    torn += count;
    if (torn == record.length) {
      torn = 0;
      pending.remove();
      placed(pendingSerials.remove(), new Place(current, position, record.length));
    }
  }

  private void placed(long itsSerial, Place place) {
    int index = openSerials.indexOf(itsSerial);
    if (index >= 0) {
      openPlaces.get(index).add(place);
      if (open.get(index).isEmpty()) {
        events.add(new Written(itsSerial, openPlaces.remove(index)));
        openSerials.remove(index);
        open.remove(index);
      }
    }
  }

  /** The next record of one of a few events that are open. */
  private void next() {
    if (open.isEmpty() || (open.size() < 4 && random.nextInt(3) == 0)) {
      long number = ++serial;
      String stamp = "msg=audit(1795170528.%03d:%d): ".formatted(number % 1000, number);
      List<String> lines = new ArrayList<>();
      lines.add("type=SYSCALL " + stamp + "arch=c000003e syscall=62 success=yes items=0\n");
      for (int i = random.nextInt(4); i > 0; i--) {
        lines.add("type=OBJ_PID " + stamp + "opid=" + i + " oauid=-1\n");
      }
      lines.add("type=EOE " + stamp + "\n");
      open.add(lines);
      openPlaces.add(new ArrayList<>());
      openSerials.add(number);
    }
    int index = random.nextInt(open.size());
    pending.add(open.get(index).removeFirst().getBytes(StandardCharsets.US_ASCII));
    pendingSerials.add(openSerials.get(index));
    if (random.nextInt(30) == 0) {
      pending.addFirst(("junk " + random.nextInt() + "\n").getBytes(StandardCharsets.US_ASCII));
      pendingSerials.addFirst(-1L);
    }
  }

  private void rotate() throws IOException {
    while (torn > 0) {
      append();
    }
    end(STAMP.format(clock.get()));
  }

  /** The writer died: what it was writing is torn, and nothing goes on. */
  private void crash() throws IOException {
    forget();
    end("crash_recovery");
  }

  private void forget() {
    pending.clear();
    pendingSerials.clear();
    open.clear();
    openPlaces.clear();
    openSerials.clear();
    torn = 0;
  }

  private void end(String ending) throws IOException {
    Path last = file;
    Path target = free(current.start + "." + ending);
    boolean newFirst = random.nextBoolean();
    if (newFirst && !target.getFileName().toString().startsWith(stamp())) {
      begin(); // as openbsm's auditd: for a moment two are not terminated
      Files.move(last, target);
    } else {
      Files.move(last, target);
      begin();
    }
  }

  /** Another file is put in its place. */
  private void replace() throws IOException {
    current.damaged = true;
    forget();
    Path other = directory.resolve("other");
    Lineage next = new Lineage(current.start, false);
    byte[] bytes =
        "type=USER msg=audit(1795170000.000:%d): replaced\n"
            .formatted(random.nextInt(1 << 20))
            .getBytes(StandardCharsets.US_ASCII);
    Files.write(other, bytes);
    next.bytes.writeBytes(bytes);
    Files.move(other, file, StandardCopyOption.REPLACE_EXISTING);
    lineages.add(next);
    current = next;
    replaced++;
  }

  private void begin() throws IOException {
    boolean bsm = mixed && random.nextInt(3) == 0;
    if (bsm || (current != null && current.bsm)) {
      forget();
    }
    String start = stamp();
    file = directory.resolve(start + ".not_terminated");
    Optional<Path> there = Optional.of(file).filter(Files::exists);
    if (there.isPresent()) {
      throw new IllegalStateException(file + " is there");
    }
    Files.createFile(file);
    current = new Lineage(start, bsm);
    lineages.add(current);
  }

  private String stamp() {
    return STAMP.format(clock.get());
  }

  /** A name nobody has: rename(2) would put one file in the other's place. */
  private Path free(String wanted) {
    Path target = directory.resolve(wanted);
    for (int i = 1; Files.exists(target); i++) {
      target = directory.resolve(wanted.substring(0, 15) + "209901010000" + "%02d".formatted(i));
      if (i > 98) {
        throw new UncheckedIOException(new IOException("no free name like " + wanted));
      }
    }
    return target;
  }
}
