// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.dump;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/** Which file comes after which. One thread owns it. */
sealed interface Succession permits SingleFile, TrailOrder, RotationOrder {
  /**
   * Opens the first file, or the one after another; the other stays open until its successor is.
   *
   * @return empty if there is none at present
   * @throws Unopened if it cannot be opened; the next call passes over it
   * @throws IOException if it cannot be found
   */
  Optional<TrailFile> next(Optional<TrailFile> current) throws IOException;

  /** Whether the file's name says that its writer is done with it. */
  boolean isClosed(TrailFile file) throws IOException;

  /** One file of several cannot be opened. */
  final class Unopened extends IOException {
    private static final long serialVersionUID = 1;

    private final transient Path path;
    private final transient IOException why;

    Unopened(Path path, IOException why) {
      super(path + ": " + why.getMessage(), why);
      this.path = path;
      this.why = why;
    }

    Path path() {
      return path;
    }

    IOException why() {
      return why;
    }
  }
}
