// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/**
 * Writes an audit log as auditd does, numbered records into files that it rotates, and may treat
 * its files badly. Thread-safe.
 */
final class Generator {
  private static final long ROTATE_BYTES = 200_000;
  private static final long YOUNGEST_SECONDS = 2;
  private static final int MOST_AT_ONCE = 40;
  private static final int PAUSE_MILLIS = 120;
  // As auditd's num_logs; enough for every outage there is.
  private static final int MOST_FILES = 80;

  private final Path log;
  private final Ledger ledger;
  private final Random random;
  private final Thread thread;
  private FileChannel channel;
  private int file;
  private final Deque<Integer> rotated = new ArrayDeque<>(); // the youngest first
  private Instant begun = Instant.now();
  private volatile boolean stopped;
  private volatile Optional<Throwable> failure = Optional.empty();

  Generator(Path log, Ledger ledger, long seed) throws IOException {
    this.log = log;
    this.ledger = ledger;
    this.random = new Random(seed);
    this.channel = create();
    this.thread = new Thread(this::run, "generator");
    thread.setDaemon(true);
  }

  void start() {
    thread.start();
  }

  Optional<Throwable> failure() {
    return failure;
  }

  /** How many files there were. */
  synchronized int files() {
    return file + 1;
  }

  private void run() {
    try {
      while (!stopped) {
        append();
        TimeUnit.MILLISECONDS.sleep(random.nextInt(PAUSE_MILLIS));
      }
    } catch (IOException | RuntimeException e) {
      failure = Optional.of(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private synchronized void append() throws IOException {
    if (channel.size() > ROTATE_BYTES && age() >= YOUNGEST_SECONDS) {
      rotate();
    }
    int records = 1 + random.nextInt(MOST_AT_ONCE);
    for (int i = 0; i < records; i++) {
      write();
    }
  }

  private void write() throws IOException {
    int number = ledger.next();
    Instant now = Instant.now();
    byte[] line =
        "type=USER_CMD msg=audit(%d.%03d:%d): pid=77 uid=0 auid=1000 ses=3 msg='n=%d cmd=%s res=success'\n"
            .formatted(
                now.getEpochSecond(),
                now.getNano() / 1_000_000,
                number + 1,
                number,
                "41".repeat(1 + random.nextInt(100)))
            .getBytes(StandardCharsets.US_ASCII);
    long position = channel.position();
    ByteBuffer bytes = ByteBuffer.wrap(line);
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
    ledger.add(file, position, line.length, now);
  }

  private long age() {
    return Instant.now().getEpochSecond() - begun.getEpochSecond();
  }

  /** The log becomes audit.log.1, and so on; a new one is begun. */
  synchronized void rotate() throws IOException {
    awaitAnotherSecond();
    channel.close();
    if (rotated.size() == MOST_FILES) {
      Files.delete(sibling(MOST_FILES));
      ledger.destroy(rotated.removeLast(), 0);
    }
    for (int number = rotated.size(); number > 0; number--) {
      Files.move(sibling(number), sibling(number + 1));
    }
    Files.move(log, sibling(1));
    rotated.addFirst(file);
    begin();
  }

  /** As copytruncate does without the copy: what was in the file is gone. */
  synchronized void truncate() throws IOException {
    awaitAnotherSecond();
    ledger.destroy(file, 0);
    channel.close();
    try (FileChannel emptied =
        FileChannel.open(log, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
      emptied.force(true);
    }
    begin();
  }

  /** Another file takes the name, and the old one is nowhere any more. */
  synchronized void replace() throws IOException {
    awaitAnotherSecond();
    ledger.destroy(file, 0);
    channel.close();
    Files.delete(log);
    begin();
  }

  /** The last record loses its end, as of a crash; the writer goes on in a new file. */
  synchronized void tear() throws IOException {
    long size = channel.size();
    if (size > 0) {
      long cut = size - 1 - random.nextInt(20);
      ledger.destroy(file, cut);
      channel.truncate(cut);
    }
    rotate();
  }

  /** One more record, and its number; its bytes are taken back and nobody is told. */
  synchronized int lose() throws IOException {
    long position = channel.position();
    int number = ledger.next();
    write();
    channel.truncate(position);
    channel.position(position);
    return number;
  }

  /** One more record, and its number; then the log is emptied. */
  synchronized int destroyUnread() throws IOException {
    int number = ledger.next();
    write();
    truncate();
    return number;
  }

  private void begin() throws IOException {
    file++;
    channel = create();
    begun = Instant.now();
    write(); // a log without a record is nobody's trail yet
  }

  private FileChannel create() throws IOException {
    return FileChannel.open(log, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
  }

  // Two logs that begin in one second would have one name.
  private void awaitAnotherSecond() {
    try {
      while (age() < YOUNGEST_SECONDS) {
        TimeUnit.MILLISECONDS.sleep(20);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new UncheckedIOException(new IOException(e));
    }
  }

  private Path sibling(int number) {
    return log.resolveSibling(log.getFileName() + "." + number);
  }

  /** Ends it, in a log that follows a closed one: what is left open behind that is noticed. */
  void stop() throws IOException, InterruptedException {
    stopped = true;
    thread.join();
    if (failure.isEmpty()) {
      rotate();
    }
  }
}
