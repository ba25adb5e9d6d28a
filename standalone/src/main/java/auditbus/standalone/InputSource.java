// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import java.nio.file.Path;
import java.util.Objects;

/**
 * One source the agent is to read.
 *
 * @param name the source's name: a lower-case letter or digit, then those, {@code -} and {@code _}
 * @param type {@code auditlog} or {@code trails}, as the agent's configuration has it
 * @param path absolute path of a file, or of a directory of trails
 * @param bytes how many bytes lay there when it was looked at
 */
record InputSource(String name, String type, Path path, long bytes) {
  InputSource {
    Objects.requireNonNull(type, "type");
    if (!name.matches("[a-z0-9][a-z0-9_-]*")) {
      throw new IllegalArgumentException("source name " + name);
    }
    if (!path.isAbsolute()) {
      throw new IllegalArgumentException("path " + path + " is not absolute");
    }
  }
}
