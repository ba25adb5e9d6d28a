// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Lines for a writer, and what of them stands in a directory of trails. */
final class TrailLines {
  private TrailLines() {}

  /** A line as capture writes it, of a length that differs from its neighbours'. */
  static String line(int run, long number) {
    return "type=USER msg=audit(1795170000."
        + (100 + number % 900)
        + ":"
        + number
        + "): pid=1 uid=0 msg='run="
        + run
        + " n="
        + number
        + " "
        + "x".repeat((int) (number * 31 % 200))
        + "'\n";
  }

  static ByteBuffer buffer(String lines) {
    byte[] bytes = lines.getBytes(StandardCharsets.US_ASCII);
    return ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
  }

  /** Names of everything in the directory but the lock, sorted. */
  static List<String> names(Path directory) throws IOException {
    List<String> names = new ArrayList<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      for (Path entry : entries) {
        if (!entry.getFileName().toString().equals(".lock")) {
          names.add(entry.getFileName().toString());
        }
      }
    }
    names.sort(null);
    return names;
  }

  /** All bytes of the trails, in the order of their names. */
  static String content(Path directory) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (String name : names(directory)) {
      if (TrailName.parse(name).isPresent()) {
        bytes.write(Files.readAllBytes(directory.resolve(name)));
      }
    }
    return bytes.toString(StandardCharsets.US_ASCII);
  }
}
