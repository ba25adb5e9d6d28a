// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import java.io.IOException;
import java.io.Reader;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;
import java.util.Properties;
import java.util.stream.Stream;

/**
 * The directory that holds everything a standalone keeps, used by one process at a time.
 *
 * <pre>
 *   DATA/format       version of this layout
 *   DATA/lock         held while a process uses the directory
 *   DATA/endpoints    where the process that uses it listens
 *   DATA/inputs       which path is which source
 *   DATA/kafka/       the broker: its logs (the registry's schemas among them) and its metadata
 *   DATA/streams/     state of the streams jobs
 *   DATA/agent/       the agent's checkpoints
 *   DATA/samples/     the bundled trails, where they are the input
 *   DATA/logs/        what the parts log
 *   DATA/collected/   the result: HOST/SOURCE/TRAIL.END
 * </pre>
 *
 * <p>Thread-safe: immutable but for the lock.
 */
final class DataDirectory implements AutoCloseable {
  /** Version of the layout this program reads and writes. */
  static final String FORMAT = "1";

  /** Where the process that uses the directory listens. */
  record Endpoints(String bootstrap, URI registry) {}

  private final Path path;
  private final DirectoryLock lock;

  private DataDirectory(Path path, DirectoryLock lock) {
    this.path = path;
    this.lock = lock;
  }

  /**
   * Opens the directory for this process alone, and makes it where it is missing.
   *
   * @throws StartException if it cannot be used: in use, of another version, no directory, not
   *     empty and not ours, no permission
   */
  static DataDirectory open(Path directory) {
    Path path = directory.toAbsolutePath().normalize();
    try {
      Files.createDirectories(path);
      // Asked before anything is written: what is not ours stays as it is.
      checkFormat(path);
      DirectoryLock lock =
          DirectoryLock.tryLock(path.resolve("lock")).orElseThrow(() -> inUse(path));
      try {
        return prepare(path, lock);
      } catch (IOException | RuntimeException failed) {
        lock.close();
        throw failed;
      }
    } catch (IOException e) {
      throw unusable(path, e);
    }
  }

  private static DataDirectory prepare(Path path, DirectoryLock lock) throws IOException {
    for (String part : new String[] {"kafka", "streams", "agent", "collected", "logs"}) {
      Files.createDirectories(path.resolve(part));
    }
    if (!Files.exists(path.resolve("format"))) {
      replace(path.resolve("format"), FORMAT + "\n");
    }
    Files.deleteIfExists(path.resolve("endpoints"));
    return new DataDirectory(path, lock);
  }

  /**
   * Where the process that uses a directory now listens.
   *
   * @return empty if no process uses it
   * @throws StartException if it is no data directory of this version, or its process does not
   *     listen yet
   */
  static Optional<Endpoints> running(Path directory) {
    Path path = directory.toAbsolutePath().normalize();
    try {
      if (!Files.exists(path.resolve("format"))) {
        throw new StartException(
            path + " holds no auditbus data: give the --data of a standalone that ran before");
      }
      checkFormat(path);
      Optional<DirectoryLock> free = DirectoryLock.tryLock(path.resolve("lock"));
      if (free.isPresent()) {
        free.get().close();
        return Optional.empty();
      }
      Properties properties = read(path.resolve("endpoints"));
      return Optional.of(
          new Endpoints(
              properties.getProperty("bootstrap.servers"),
              URI.create(properties.getProperty("schema.registry.url"))));
    } catch (NoSuchFileException e) {
      throw new StartException(
          "the process that uses " + path + " is starting or stopping: try again");
    } catch (IOException e) {
      throw unusable(path, e);
    }
  }

  /** Says to other processes where this one listens. */
  void publish(Endpoints endpoints) throws IOException {
    replace(
        path.resolve("endpoints"),
        "bootstrap.servers="
            + endpoints.bootstrap()
            + "\nschema.registry.url="
            + endpoints.registry()
            + "\n");
  }

  /** Absolute path of the directory. */
  Path path() {
    return path;
  }

  Path kafka() {
    return path.resolve("kafka");
  }

  Path streams() {
    return path.resolve("streams");
  }

  Path agent() {
    return path.resolve("agent");
  }

  Path collected() {
    return path.resolve("collected");
  }

  Path samples() {
    return path.resolve("samples");
  }

  Path inputs() {
    return path.resolve("inputs");
  }

  Path log() {
    return path.resolve("logs").resolve("auditbus.log");
  }

  /** Takes the endpoints back and lets the directory go. */
  @Override
  public void close() throws IOException {
    Files.deleteIfExists(path.resolve("endpoints"));
    lock.close();
  }

  /** Reads a properties file whole. */
  static Properties read(Path file) throws IOException {
    Properties properties = new Properties();
    try (Reader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
      properties.load(reader);
    }
    return properties;
  }

  /** Writes a small file so that it is whole or not there, also after a kill. */
  static void replace(Path file, String content) throws IOException {
    replace(file, content.getBytes(StandardCharsets.UTF_8));
  }

  /** Writes a small file so that it is whole or not there, also after a kill. */
  static void replace(Path file, byte[] content) throws IOException {
    Path fresh = file.resolveSibling(file.getFileName() + ".new");
    Files.write(fresh, content);
    Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  private static void checkFormat(Path path) throws IOException {
    Path format = path.resolve("format");
    if (Files.exists(format)) {
      String found = Files.readString(format, StandardCharsets.UTF_8).strip();
      if (!found.equals(FORMAT)) {
        throw new StartException(
            path
                + " is a data directory of version \""
                + found
                + "\", this auditbus reads version \""
                + FORMAT
                + "\": give another --data, or the auditbus that wrote it");
      }
      return;
    }
    try (Stream<Path> entries = Files.list(path)) {
      // A start that was cut off before the format was written leaves only what prepare() makes.
      Optional<Path> foreign =
          entries
              .filter(
                  entry ->
                      !Stream.of(
                              "lock",
                              "kafka",
                              "streams",
                              "agent",
                              "collected",
                              "logs",
                              "format.new")
                          .anyMatch(entry.getFileName().toString()::equals))
              .sorted()
              .findFirst();
      if (foreign.isPresent()) {
        throw new StartException(
            path
                + " is not empty and no auditbus data directory (found "
                + foreign.get().getFileName()
                + "): give another --data");
      }
    }
  }

  private static StartException inUse(Path path) {
    return new StartException(
        path + " is in use by another auditbus process: stop it, or give another --data");
  }

  private static StartException unusable(Path path, IOException e) {
    String why =
        switch (e) {
          case AccessDeniedException denied -> "no permission for " + denied.getFile();
          case FileAlreadyExistsException exists -> exists.getFile() + " is not a directory";
          default -> e.toString();
        };
    return new StartException("data directory " + path + " cannot be used: " + why, e);
  }
}
