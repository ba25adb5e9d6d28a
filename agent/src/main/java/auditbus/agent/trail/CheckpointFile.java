// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import auditbus.agent.trail.Checkpoint.ClosedMark;
import auditbus.agent.trail.Checkpoint.SourceMark;
import auditbus.agent.trail.Checkpoint.TrailMark;
import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.zip.CRC32C;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps a {@link Checkpoint} in three files: what changes all the time, replaced whole, the one
 * before it, and the closed trails, which never change and are appended to.
 *
 * <pre>
 *   checkpoint          auditbus-checkpoint 2 CRC32C-of-the-rest(8 hex)\n
 *                       {"epoch":…,"sources":[{"name":…,"trails":[{"id":…,"inode":…,
 *                          "covered":[[position,length],…],…}]}]}
 *   checkpoint.earlier  the same, as it was before the last store; of the same trails
 *   checkpoint.closed   CRC32C-of-the-rest-of-the-line(8 hex) source id inode identity-length
 *                          identity-digest size acked sha256-or-dash\n      one line a trail
 * </pre>
 *
 * <p>A file is replaced by way of a temporary one, fsync, rename and fsync of the directory. Closed
 * trails are appended and forced before the checkpoint that does not hold them any more is put in
 * its place. What is cut or damaged is as good as not there: a checkpoint as a whole, a closed
 * trail by its line. Then trails are read again, which costs duplicates and loses nothing.
 *
 * <p>The earlier checkpoint is the file that was the checkpoint, under another name, which costs no
 * second write. Only when trails come or go, or more is known of one than how far it is
 * acknowledged, both are written: a trail that was announced stands in both, so that a damaged
 * checkpoint never makes an agent forget one whose file is gone meanwhile.
 *
 * <p>Not thread-safe: one process and thread writes; others may {@link #load} at any time.
 */
public final class CheckpointFile {
  private static final Logger LOG = LoggerFactory.getLogger(CheckpointFile.class);
  private static final String HEADER = "auditbus-checkpoint 2 ";
  private static final int CRC_DIGITS = 8;
  private static final int STALE_LINES = 1000;
  private static final JsonMapper JSON = new JsonMapper();

  private final Path file;
  private final Path earlierFile;
  private final Path closedFile;
  private final Readers readers;

  // What is in the file of closed trails; empty if that is not known, then it is written anew.
  private Optional<Set<Closed>> written = Optional.empty();
  private Map<String, List<ClosedMark>> stored = Map.of();
  private boolean looked;
  private boolean saidHowItIsKept;
  // What both checkpoints know besides how far trails are acknowledged; empty if that is not known.
  private Optional<Hot> known = Optional.empty();

  /**
   * Makes one; nothing is opened.
   *
   * @param file the checkpoint; the closed trails stand beside it
   * @param readers who may read it besides: what captures has to see what is acknowledged
   */
  public CheckpointFile(Path file, Readers readers) {
    this.file = file;
    this.earlierFile = earlierFile(file);
    this.closedFile = closedFile(file);
    this.readers = readers;
  }

  private record Hot(long epoch, List<HotSource> sources) {
    /** Without what changes with each acknowledgement. */
    Hot withoutProgress() {
      return new Hot(epoch, sources.stream().map(HotSource::withoutProgress).toList());
    }
  }

  private record HotSource(String name, List<TrailMark> trails) {
    HotSource withoutProgress() {
      return new HotSource(name, trails.stream().map(TrailMark::withoutProgress).toList());
    }
  }

  /**
   * What a file holds.
   *
   * @param hot empty if it is not there or damaged
   * @param damage what is wrong with it, empty if it is not there
   */
  private record Found(Optional<Hot> hot, Optional<String> damage) {
    static final Found NOTHING = new Found(Optional.empty(), Optional.empty());
  }

  private record Closed(String source, ClosedMark mark) {}

  /**
   * The closed trails on file.
   *
   * @param damaged lines that can't be read
   */
  private record ClosedLines(List<Closed> marks, int damaged) {}

  /**
   * Reads a checkpoint; where it is damaged or not there, the earlier one; what is damaged or not
   * there in both is unknown (logged).
   *
   * @throws IOException if a file is there and cannot be read
   */
  public static Checkpoint load(Path file) throws IOException {
    Hot hot = loadHot(file); // first: a trail that leaves it is in the other one by then
    ClosedLines lines = loadClosed(closedFile(file));
    if (lines.damaged() > 0) {
      LOG.error(
          "{}: {} damaged lines: the trails they named are read again; events may arrive twice,"
              + " none is lost",
          closedFile(file),
          lines.damaged());
    }
    Map<String, LinkedHashMap<String, ClosedMark>> closed = new LinkedHashMap<>();
    hot.sources().forEach(source -> closed.put(source.name(), new LinkedHashMap<>()));
    for (Closed line : lines.marks()) {
      closed
          .computeIfAbsent(line.source(), _ -> new LinkedHashMap<>())
          .putLast(line.mark().id(), line.mark());
    }
    List<SourceMark> sources = new ArrayList<>();
    closed.forEach(
        (name, marks) ->
            sources.add(
                new SourceMark(
                    name,
                    hot.sources().stream()
                        .filter(source -> source.name().equals(name))
                        .flatMap(source -> source.trails().stream())
                        .filter(trail -> !marks.containsKey(trail.id()))
                        .toList(),
                    List.copyOf(marks.values()))));
    return hot.epoch() == 0 && sources.isEmpty()
        ? Checkpoint.NONE
        : new Checkpoint(hot.epoch(), sources);
  }

  /**
   * Replaces what is stored.
   *
   * @throws IOException if it cannot be written; what was stored before, or what was to be stored,
   *     stands then
   */
  public void store(Checkpoint checkpoint) throws IOException {
    storeClosed(checkpoint);
    Hot hot =
        new Hot(
            checkpoint.epoch(),
            checkpoint.sources().stream()
                .map(source -> new HotSource(source.name(), source.trails()))
                .toList());
    byte[] body = JSON.writeValueAsBytes(hot);
    byte[] head = header(body).getBytes(StandardCharsets.ISO_8859_1);
    Hot knowledge = hot.withoutProgress();
    Path aside = temporary(earlierFile);
    Files.deleteIfExists(aside); // maybe a name of the checkpoint, from a store that was cut short
    boolean kept = known.equals(Optional.of(knowledge)) && keep(aside);
    known = Optional.empty();
    replace(file, head, body);
    // In this order: two names of one file would share its damage.
    if (kept) {
      move(aside, earlierFile);
    } else {
      replace(earlierFile, head, body);
    }
    forceDirectory();
    known = Optional.of(knowledge);
  }

  /** Gives the checkpoint a second name; not every file system has that. */
  private boolean keep(Path aside) {
    try {
      Files.createLink(aside, file);
      return true;
    } catch (UnsupportedOperationException | IOException e) {
      if (!saidHowItIsKept) {
        LOG.warn(
            "checkpoint {} gets no second name, so each is written twice: {}", file, e.toString());
      }
      saidHowItIsKept = true;
      return false;
    }
  }

  private static Path earlierFile(Path file) {
    return beside(file, ".earlier");
  }

  private static Path closedFile(Path file) {
    return beside(file, ".closed");
  }

  private static Path temporary(Path target) {
    return beside(target, ".tmp");
  }

  private static Path beside(Path file, String suffix) {
    return file.resolveSibling(file.getFileName() + suffix);
  }

  private static Hot loadHot(Path file) throws IOException {
    Found found = read(file);
    if (found.hot().isPresent()) {
      return found.hot().get();
    }
    Path earlier = earlierFile(file);
    Found before = read(earlier);
    if (before.hot().isPresent()) {
      LOG.error(
          "checkpoint {} {}: going on from the one before it, {}; events may arrive twice, none is"
              + " lost{}",
          file,
          found.damage().orElse("is not there"),
          earlier,
          found.damage().isPresent() ? "" : "; to begin anew remove both");
      return before.hot().get();
    }
    if (found.damage().isPresent() || before.damage().isPresent()) {
      LOG.error(
          "checkpoint {} {}, and the one before it, {}, {}: reading every trail that is not closed"
              + " again from its start; events may arrive twice, and what stood only in files that"
              + " are gone is not sent (see the gaps of trails that are left open)",
          file,
          found.damage().orElse("is not there"),
          earlier,
          before.damage().orElse("is not there"));
    }
    return new Hot(0, List.of());
  }

  private static Found read(Path file) throws IOException {
    byte[] bytes;
    try {
      bytes = Files.readAllBytes(file);
    } catch (NoSuchFileException e) {
      return Found.NOTHING;
    }
    int headerLength = HEADER.length() + CRC_DIGITS + 1;
    String damage = "is damaged (" + bytes.length + " bytes)";
    if (bytes.length > headerLength) {
      String header = new String(bytes, 0, headerLength, StandardCharsets.ISO_8859_1);
      byte[] body = Arrays.copyOfRange(bytes, headerLength, bytes.length);
      if (header.equals(header(body))) {
        try {
          return new Found(Optional.of(JSON.readValue(body, Hot.class)), Optional.empty());
        } catch (JacksonException e) {
          damage = "can't be understood (" + e.getOriginalMessage() + ")";
        }
      }
    }
    return new Found(Optional.empty(), Optional.of(damage));
  }

  private static ClosedLines loadClosed(Path file) throws IOException {
    String text;
    try {
      text = Files.readString(file, StandardCharsets.ISO_8859_1);
    } catch (NoSuchFileException e) {
      return new ClosedLines(List.of(), 0);
    }
    List<Closed> marks = new ArrayList<>();
    int damaged = 0;
    for (int start = 0; start < text.length(); ) {
      int end = text.indexOf('\n', start);
      Optional<Closed> mark = end < 0 ? Optional.empty() : parse(text.substring(start, end));
      mark.ifPresent(marks::add);
      damaged += mark.isEmpty() ? 1 : 0;
      start = end < 0 ? text.length() : end + 1;
    }
    return new ClosedLines(marks, damaged);
  }

  private static Optional<Closed> parse(String line) {
    if (line.length() <= CRC_DIGITS
        || !line.startsWith(
            crc(line.substring(CRC_DIGITS).getBytes(StandardCharsets.ISO_8859_1)))) {
      return Optional.empty();
    }
    String[] words = line.split(" ", -1);
    return Optional.of(
        new Closed(
            words[1],
            new ClosedMark(
                words[2],
                Long.parseLong(words[3]),
                Integer.parseInt(words[4]),
                words[5],
                Long.parseLong(words[6]),
                Long.parseLong(words[7]),
                words[8].equals("-") ? null : words[8])));
  }

  private static String line(Closed closed) {
    ClosedMark mark = closed.mark();
    String rest =
        String.join(
            " ",
            "",
            closed.source(),
            mark.id(),
            Long.toString(mark.inode()),
            Integer.toString(mark.identityLength()),
            mark.identityDigest(),
            Long.toString(mark.size()),
            Long.toString(mark.acked()),
            mark.knownSha256().orElse("-"));
    return crc(rest.getBytes(StandardCharsets.ISO_8859_1)) + rest + "\n";
  }

  @SuppressWarnings("ReferenceEquality") // a shortcut: what is not the same list is looked through
  private void storeClosed(Checkpoint checkpoint) throws IOException {
    if (!looked) {
      ClosedLines there = loadClosed(closedFile);
      if (there.damaged() == 0) { // else the end of the file may be no line's end
        written = Optional.of(new HashSet<>(there.marks()));
      }
      looked = true;
    }
    Map<String, List<ClosedMark>> now = new HashMap<>();
    boolean same = written.isPresent();
    int total = 0;
    for (SourceMark source : checkpoint.sources()) {
      now.put(source.name(), source.closed());
      same &= source.closed() == stored.get(source.name()); // the same list until one is closed
      total += source.closed().size();
    }
    if (same) {
      return;
    }
    if (written.isEmpty() || written.get().size() > 2 * total + STALE_LINES) {
      write(checkpoint);
    } else {
      append(checkpoint, written.get());
    }
    stored = now;
  }

  private void append(Checkpoint checkpoint, Set<Closed> known) throws IOException {
    StringBuilder text = new StringBuilder();
    List<Closed> added = new ArrayList<>();
    for (SourceMark source : checkpoint.sources()) {
      for (ClosedMark mark : source.closed()) {
        Closed closed = new Closed(source.name(), mark);
        if (!known.contains(closed)) {
          added.add(closed);
          text.append(line(closed));
        }
      }
    }
    if (added.isEmpty()) {
      return;
    }
    written = Optional.empty(); // until it is known to be there: else half a line may stand there
    try (FileChannel channel =
        FileChannel.open(
            closedFile,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            StandardOpenOption.APPEND)) {
      readers.admitTo(closedFile);
      ByteBuffer bytes = StandardCharsets.ISO_8859_1.encode(text.toString());
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
      channel.force(true);
    }
    known.addAll(added);
    written = Optional.of(known);
  }

  private void write(Checkpoint checkpoint) throws IOException {
    StringBuilder text = new StringBuilder();
    Set<Closed> all = new HashSet<>();
    for (SourceMark source : checkpoint.sources()) {
      for (ClosedMark mark : source.closed()) {
        Closed closed = new Closed(source.name(), mark);
        all.add(closed);
        text.append(line(closed));
      }
    }
    written = Optional.empty();
    replace(closedFile, new byte[0], text.toString().getBytes(StandardCharsets.ISO_8859_1));
    forceDirectory();
    written = Optional.of(all);
  }

  private void replace(Path target, byte[] head, byte[] body) throws IOException {
    Path temporary = temporary(target);
    try (FileChannel channel =
        FileChannel.open(
            temporary,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING)) {
      readers.admitTo(temporary);
      ByteBuffer[] parts = {ByteBuffer.wrap(head), ByteBuffer.wrap(body)};
      while (parts[0].hasRemaining() || parts[1].hasRemaining()) {
        channel.write(parts);
      }
      channel.force(true);
    }
    move(temporary, target);
  }

  private static void move(Path from, Path target) throws IOException {
    Files.move(from, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  private void forceDirectory() throws IOException {
    try (FileChannel directory =
        FileChannel.open(file.toAbsolutePath().getParent(), StandardOpenOption.READ)) {
      directory.force(true);
    }
  }

  private static String header(byte[] body) {
    return HEADER + crc(body) + "\n";
  }

  private static String crc(byte[] bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    return String.format(Locale.ROOT, "%08x", crc.getValue());
  }
}
