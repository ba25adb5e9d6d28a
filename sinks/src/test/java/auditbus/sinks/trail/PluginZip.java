// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/** The plugin's zip as the build made it. */
final class PluginZip {
  static final String NAME = "auditbus-auditbus-sinks-0.1.0";

  private PluginZip() {}

  static Path path() {
    return Path.of(System.getProperty("auditbus.plugin.zip", "target/" + NAME + ".zip"));
  }

  /** Unpacks it into a directory, which is then one for {@code plugin.path}. */
  static void unpack(Path directory) throws IOException {
    try (ZipFile zip = new ZipFile(path().toFile())) {
      for (ZipEntry entry : List.copyOf(zip.stream().toList())) {
        Path target = directory.resolve(entry.getName()).normalize();
        if (!target.startsWith(directory)) {
          throw new IOException(entry.getName() + " leads out of " + directory);
        }
        if (entry.isDirectory()) {
          Files.createDirectories(target);
        } else {
          Files.createDirectories(target.getParent());
          try (InputStream in = zip.getInputStream(entry)) {
            Files.copy(in, target);
          }
        }
      }
    }
  }
}
