// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Set;

/**
 * Looks again and again at which files below a root two processes have open, as {@code
 * /proc/PID/fd} says, and notes every file that both have.
 *
 * <p>Lock files do not count: whoever waits for one opens it. The two processes cannot be read at
 * one moment, so a file counts as shared if the first has it both before and after the second has.
 *
 * <p>Used by one thread while it runs; results are read after {@link #stop}.
 */
final class OpenFileWatch {
  private final Path root;
  private final Duration pause;
  private final List<String> shared = new ArrayList<>();
  private int looks;
  private int looksAtOpenFiles;
  private int looksAtBoth;
  private volatile boolean stopping;
  private Thread thread;

  /** Does nothing yet. */
  OpenFileWatch(Path root, Duration pause) {
    this.root = root;
    this.pause = pause;
  }

  /** Watches two workers from now on, whatever processes they are. */
  void start(WorkerProcess one, WorkerProcess two) {
    thread =
        Thread.ofPlatform()
            .name("open-file-watch")
            .daemon()
            .start(
                () -> {
                  while (!stopping) {
                    if (one.isAlive() && two.isAlive()) {
                      lookAt(one, two);
                    }
                    sleep();
                  }
                });
  }

  private void lookAt(WorkerProcess one, WorkerProcess two) {
    long first;
    long second;
    try {
      first = one.pid();
      second = two.pid();
    } catch (NoSuchElementException e) {
      // Killed just now.
      return;
    }
    look(first, second);
  }

  private void sleep() {
    try {
      Thread.sleep(pause); // between two samples
    } catch (InterruptedException e) {
      stopping = true;
    }
  }

  /** Looks once. */
  void look(long one, long two) {
    Set<Path> first = open(one);
    Set<Path> second = open(two);
    looks++;
    if (!first.isEmpty() || !second.isEmpty()) {
      looksAtOpenFiles++;
    }
    if (!first.isEmpty() && !second.isEmpty()) {
      looksAtBoth++;
    }
    Set<Path> both = new HashSet<>(first);
    both.retainAll(second);
    if (!both.isEmpty()) {
      both.retainAll(open(one));
      both.forEach(file -> shared.add(file + " is open in processes " + one + " and " + two));
    }
  }

  private Set<Path> open(long pid) {
    Set<Path> open = new HashSet<>();
    try (DirectoryStream<Path> descriptors =
        Files.newDirectoryStream(Path.of("/proc/" + pid + "/fd"))) {
      for (Path descriptor : descriptors) {
        addTarget(open, descriptor);
      }
    } catch (IOException | DirectoryIteratorException e) {
      // The process is gone: it has nothing open.
      return Set.of();
    }
    return open;
  }

  // Files lie three levels down, in root/host/source/; what is above are directories being synced.
  private void addTarget(Set<Path> open, Path descriptor) {
    try {
      Path target = Files.readSymbolicLink(descriptor);
      if (target.startsWith(root)
          && target.getNameCount() == root.getNameCount() + 3
          && !target.endsWith(".lock")) {
        open.add(target);
      }
    } catch (IOException e) {
      // Closed since the directory was read.
    }
  }

  /** How often it looked. */
  int looks() {
    return looks;
  }

  /** How often it saw a trail's file open. */
  int looksAtOpenFiles() {
    return looksAtOpenFiles;
  }

  /** How often it saw trails' files open in both processes. */
  int looksAtBoth() {
    return looksAtBoth;
  }

  /** Every file that was seen open in both. */
  List<String> shared() {
    return List.copyOf(shared);
  }

  /** Stops looking. Idempotent. */
  void stop() throws InterruptedException {
    stopping = true;
    if (thread != null) {
      thread.join();
    }
  }
}
