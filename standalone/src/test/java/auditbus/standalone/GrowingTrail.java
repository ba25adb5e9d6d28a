// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/** A directory of trails as a daemon writes it: one grows, and is switched now and then. */
final class GrowingTrail {
  private static final long FIRST_SECOND = 1_795_170_528L;

  private final Path directory;
  private int trails;
  private int serial;
  private Path open;

  GrowingTrail(Path directory) throws IOException {
    this.directory = Files.createDirectories(directory);
    begin();
  }

  private void begin() throws IOException {
    open = directory.resolve(id(trails) + ".not_terminated");
    Files.createFile(open);
  }

  /** The id of the n-th trail, from 0. */
  static String id(int trail) {
    return "20261120%02d%02d%02d".formatted(trail / 3600, trail / 60 % 60, trail % 60);
  }

  /** Appends so many events of three records, none interleaved. */
  void events(int count) throws IOException {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < count; i++) {
      String stamp = "msg=audit(" + (FIRST_SECOND + serial) + ".001:" + serial + "): ";
      text.append("type=SYSCALL ")
          .append(stamp)
          .append("arch=c000003e syscall=62 success=yes exit=0 items=0 auid=1000 pid=")
          .append(serial)
          .append("\ntype=OBJ_PID ")
          .append(stamp)
          .append("opid=1 oauid=-1\ntype=EOE ")
          .append(stamp)
          .append('\n');
      serial++;
    }
    append(text.toString().getBytes(StandardCharsets.UTF_8));
  }

  /** Appends bytes. */
  void append(byte[] bytes) throws IOException {
    Files.write(open, bytes, StandardOpenOption.APPEND);
  }

  /** Ends the trail and begins the next. */
  void rotate() throws IOException {
    end(id(++trails));
    begin();
  }

  /** Ends the trail. */
  Path end() throws IOException {
    return end(id(trails + 1));
  }

  private Path end(String end) throws IOException {
    String start = open.getFileName().toString().substring(0, 14);
    return Files.move(open, directory.resolve(start + "." + end), StandardCopyOption.ATOMIC_MOVE);
  }

  /** Events written so far. */
  int events() {
    return serial;
  }

  /** The file that grows. */
  Path open() {
    return open;
  }

  /** Where the trails stand. */
  Path directory() {
    return directory;
  }

  /** Trails begun. */
  int trails() {
    return trails + 1;
  }
}
