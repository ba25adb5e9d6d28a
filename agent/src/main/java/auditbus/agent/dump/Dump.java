// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.dump;

import auditbus.agent.dump.Reading.OutputFailure;
import auditbus.agent.dump.Succession.Unopened;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Prints trails, audit text or BSM, event by event, and tells what in them is no record.
 *
 * <p>Reads only; nothing is remembered. Memory is bounded whatever the trails hold. Not
 * thread-safe.
 */
public final class Dump {
  /** Everything was printed, but some of it is no record. */
  public static final int DAMAGED = 1;

  /** A place could not be read, or not to its end; the others were. */
  public static final int UNREADABLE = 3;

  /** The reader of standard output went away: as if SIGPIPE had ended the process. */
  public static final int BROKEN_PIPE = 141;

  private static final String AUDIT_LOG = "audit.log";
  private static final Duration POLL = Duration.ofMillis(50);

  /** How long a trail that another follows is watched for late records, if not closed by name. */
  private static final Duration SETTLE = Duration.ofSeconds(1);

  private final DumpSettings settings;
  private final InputStream stdin;
  private final OutputStream out;
  private final Complaints complaints;
  private final Pause pause;

  /**
   * Makes one.
   *
   * @param err takes a line for each cause of an exit code other than 0
   * @param pause how to wait for more; only used to follow
   */
  public Dump(
      DumpSettings settings,
      InputStream stdin,
      OutputStream out,
      Consumer<String> err,
      Pause pause) {
    this.settings = settings;
    this.stdin = stdin;
    this.out = out;
    this.complaints = new Complaints(err);
    this.pause = pause;
  }

  /**
   * Prints all places.
   *
   * @return 0, {@link #DAMAGED}, {@link #UNREADABLE} or {@link #BROKEN_PIPE}
   * @throws IOException if standard output fails otherwise
   */
  public int run() throws IOException, InterruptedException {
    EventPrinter printer =
        settings.json()
            ? new JsonPrinter(out, settings.raw())
            : new BlockPrinter(out, settings.raw());
    try {
      for (String place : settings.places()) {
        print(place, new Reading(settings, printer, complaints));
      }
      complaints.end();
      return complaints.exitCode();
    } catch (OutputFailure e) {
      if (isBrokenPipe(e.getCause())) {
        return BROKEN_PIPE;
      }
      throw new IOException("standard output: " + e.getCause().getMessage(), e.getCause());
    }
  }

  private void print(String place, Reading reading) throws InterruptedException {
    try {
      if (place.equals(DumpSettings.STDIN)) {
        print(new TrailPipe("stdin", () -> stdin), reading);
      } else {
        print(Path.of(place), reading);
      }
    } catch (InvalidPathException e) {
      complaints.unreadable(place, "is no file name: " + e.getReason());
    } catch (IOException e) {
      complaints.unreadable(place, because(e));
    }
    reading.end();
  }

  private void print(Path path, Reading reading) throws IOException, InterruptedException {
    if (Files.isDirectory(path)) {
      for (Succession order : directory(path)) {
        print(order, reading);
      }
    } else if (Files.exists(path) && !Files.isRegularFile(path)) {
      print(new TrailPipe(path.toString(), () -> Files.newInputStream(path)), reading);
    } else {
      print(settings.follow() ? from(path) : new SingleFile(path), reading);
    }
  }

  /** What a directory holds: trails, an audit.log with its rotated files, or both. */
  private List<Succession> directory(Path directory) throws IOException {
    List<Succession> found = new ArrayList<>();
    boolean trails = false;
    boolean logs = false;
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      for (Path entry : entries) {
        String name = entry.getFileName().toString();
        trails |= TrailOrder.isTrail(entry);
        logs |= name.equals(AUDIT_LOG) || name.matches("audit\\.log\\.\\d{1,9}");
      }
    }
    if (trails) {
      found.add(new TrailOrder(directory, Optional.empty()));
    }
    if (logs) {
      found.add(new RotationOrder(directory.resolve(AUDIT_LOG), true));
    }
    if (found.isEmpty() && settings.follow()) {
      found.add(new TrailOrder(directory, Optional.empty()));
    }
    if (found.isEmpty()) {
      throw new IOException(
          "holds neither trails (YYYYMMDDhhmmss.ENDING) nor an audit.log: name the files");
    }
    if (found.size() > 1 && settings.follow()) {
      throw new IOException("holds trails and an audit.log: name the one to follow");
    }
    return found;
  }

  /** A file and what comes after it. */
  private static Succession from(Path file) throws IOException {
    Path real = file.toRealPath(); // BSM's auditd has a symbolic link on the trail being written
    TrailFile.open(real).close();
    return TrailOrder.isTrail(real)
        ? new TrailOrder(real.getParent(), Optional.of(real))
        : new RotationOrder(real, false);
  }

  // ---- pipes

  private void print(TrailPipe pipe, Reading reading) throws IOException, InterruptedException {
    reading.begin(pipe.name());
    try (pipe) {
      pipe.start();
      while (!pipe.isEnded()) {
        if (!pipe.await(Duration.ZERO)) {
          reading.idle();
          if (!pipe.await(POLL) && settings.follow() && pause.await(Duration.ZERO)) {
            break;
          }
        }
        while (reading.step(pipe) > 0) {
          // until the chunk is used up
        }
      }
    } finally {
      reading.endFile();
    }
  }

  // ---- files

  private void print(Succession order, Reading reading) throws InterruptedException, IOException {
    Optional<TrailFile> current = next(order, Optional.empty());
    while (current.isEmpty() && settings.follow()) {
      if (pause.await(POLL)) {
        return;
      }
      current = next(order, Optional.empty());
    }
    while (current.isPresent()) {
      TrailFile file = current.get();
      reading.begin(file.name());
      Optional<TrailFile> next = Optional.empty();
      try {
        next = settings.follow() ? follow(file, order, reading) : printWhole(file, order, reading);
      } finally {
        reading.endFile();
        file.close();
      }
      current = next;
    }
  }

  private Optional<TrailFile> printWhole(TrailFile file, Succession order, Reading reading)
      throws IOException {
    readOn(file, reading);
    return next(order, Optional.of(file));
  }

  /** Reads a file as it grows; returns its successor, empty to end. */
  private Optional<TrailFile> follow(TrailFile file, Succession order, Reading reading)
      throws IOException, InterruptedException {
    boolean readable = true;
    file.grows();
    while (true) {
      long shrunkBy = file.shrunkBy();
      if (shrunkBy > 0) {
        complaints.loss(
            file.name(),
            "is "
                + shrunkBy
                + " bytes shorter than what was read of it: reading on at its first byte");
        reading.endFile();
        reading.begin(file.name());
        file.rewind();
      }
      readable = readable && readOn(file, reading);
      Optional<TrailFile> next = next(order, Optional.of(file));
      if (next.isPresent()) {
        long deadline = System.nanoTime() + (order.isClosed(file) ? 0 : SETTLE.toNanos());
        do {
          // What was written between the last look and the closing, or the successor's beginning.
          readable = readable && readOn(file, reading);
        } while (System.nanoTime() < deadline && !pause.await(POLL));
        return next;
      }
      reading.idle();
      if (pause.await(POLL)) {
        return Optional.empty();
      }
    }
  }

  private boolean readOn(TrailFile file, Reading reading) {
    try {
      while (reading.step(file) > 0) {
        // to its present end
      }
      return true;
    } catch (IOException e) {
      complaints.unreadable(file.name(), because(e));
      return false;
    }
  }

  /** The next file; those that cannot be opened are told of and passed over. */
  private Optional<TrailFile> next(Succession order, Optional<TrailFile> current)
      throws IOException {
    while (true) {
      try {
        return order.next(current);
      } catch (Unopened e) {
        complaints.unreadable(e.path().toString(), because(e.why()));
      }
    }
  }

  private static String because(IOException e) {
    return switch (e) {
      case NoSuchFileException _ -> "there is no such file";
      case AccessDeniedException _ -> "may not be read: permission denied";
      case FileSystemException refused when refused.getReason() != null -> refused.getReason();
      default -> e.getMessage();
    };
  }

  private static boolean isBrokenPipe(IOException e) {
    String message = e.getMessage() == null ? "" : e.getMessage().toLowerCase(Locale.ROOT);
    return message.contains("broken pipe") || message.contains("connection reset");
  }
}
