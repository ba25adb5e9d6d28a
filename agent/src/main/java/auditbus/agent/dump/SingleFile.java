// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.dump;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/** One file and none after it. */
final class SingleFile implements Succession {
  private final Path path;

  SingleFile(Path path) {
    this.path = path;
  }

  @Override
  public Optional<TrailFile> next(Optional<TrailFile> current) throws IOException {
    return current.isPresent() ? Optional.empty() : Optional.of(TrailFile.open(path));
  }

  @Override
  public boolean isClosed(TrailFile file) {
    return true;
  }
}
