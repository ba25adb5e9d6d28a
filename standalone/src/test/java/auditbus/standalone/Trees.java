// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/** Files of a tree, and what is in them. */
final class Trees {
  private Trees() {}

  static String sha256(Path file) throws IOException {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      try (InputStream in = new DigestInputStream(Files.newInputStream(file), digest)) {
        in.transferTo(OutputStream.nullOutputStream());
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The trails a source has in a collected tree, oldest first. */
  static List<Path> trails(Path collected, String host, String source) throws IOException {
    Path directory = collected.resolve(host).resolve(source);
    if (!Files.exists(directory)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(directory)) {
      return files
          .filter(file -> Character.isDigit(file.getFileName().toString().charAt(0)))
          .sorted()
          .toList();
    }
  }

  /** Bytes of all files below a directory. */
  static long bytes(Path directory) {
    if (!Files.exists(directory)) {
      return 0;
    }
    try (Stream<Path> files = Files.walk(directory)) {
      return files
          .filter(file -> Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS))
          .mapToLong(Trees::size)
          .sum();
    } catch (IOException | UncheckedIOException vanished) {
      return 0;
    }
  }

  private static long size(Path file) {
    try {
      return Files.size(file);
    } catch (IOException vanished) {
      return 0;
    }
  }

  /** A sample trail of the tests. */
  static Path sample(String name) {
    return Path.of("src", "test", "resources", "samples", name).toAbsolutePath();
  }
}
