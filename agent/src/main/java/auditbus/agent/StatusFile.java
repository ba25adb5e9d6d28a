// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import auditbus.agent.trail.Readers;
import auditbus.schemas.AgentStatus;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The last heartbeat as JSON beside the checkpoint, for {@code auditbus agent status}. One thread
 * writes it.
 */
final class StatusFile {
  private static final Logger LOG = LoggerFactory.getLogger(StatusFile.class);

  private final Path file;
  private final Readers readers;
  private boolean failed;

  StatusFile(Path file, Readers readers) {
    this.file = file;
    this.readers = readers;
  }

  void write(AgentStatus status) {
    try {
      readers.makeDirectory(file.toAbsolutePath().getParent());
      Path temporary = file.resolveSibling(file.getFileName() + ".tmp");
      Files.writeString(temporary, status + "\n");
      readers.admitTo(temporary);
      Files.move(
          temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      failed = false;
    } catch (IOException e) {
      if (!failed) {
        LOG.warn(
            "{} cannot be written: {}",
            file,
            e.toString()); // only a convenience: the heartbeat itself goes to Kafka
      }
      failed = true;
    }
  }
}
