// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.config.ConfigValue;
import org.apache.kafka.connect.errors.ConnectException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Roots that cannot work: validate says it before anything runs, start says it again. */
class SinkConfigRefusalsTest {
  @TempDir Path here;

  @Test
  void missingRoot_isRefusedWithTheCommandThatMakesIt() {
    Path missing = here.resolve("missing");
    assertRefused(missing, "install -d -m 0750", missing.toString());
  }

  @Test
  void fileAsRoot_isRefused() throws Exception {
    Path file = Files.createFile(here.resolve("file"));
    assertRefused(file, "is no directory on this worker", "install -d");
  }

  @Test
  void relativeRoot_isRefused() {
    assertThat(errors(Path.of("collected"))).singleElement().asString().contains("absolute path");
    assertThatThrownBy(() -> start(Path.of("collected")))
        .isInstanceOf(ConnectException.class)
        .hasMessageContaining("absolute path");
  }

  @Test
  void linkAsRoot_isTakenAsTheDirectoryItLeadsTo() throws Exception {
    Path real = Files.createDirectory(here.resolve("real"));
    Path link = Files.createSymbolicLink(here.resolve("link"), real);
    assertThat(errors(link)).isEmpty();
    TestWorker worker = start(link);
    TestTrail trail = new TestTrail("web1", "auditd", "20261120104500", new byte[10]);
    worker.send(trail.event(0, 10), trail.terminated());
    worker.task.stop();
    assertThat(real.resolve("web1/auditd/" + trail.name())).hasSize(10);
  }

  @Test
  void danglingLinkAsRoot_isRefused() throws Exception {
    Path link = Files.createSymbolicLink(here.resolve("link"), here.resolve("gone"));
    assertRefused(link, "is no directory on this worker");
  }

  @Test
  void readOnlyRoot_isRefused() throws Exception {
    Path on = Files.createDirectory(here.resolve("ro"));
    try (TemporaryMount mount = TemporaryMount.tmpfs(on, "size=1m")) {
      mount.remount("ro");
      assertRefused(on, "Read-only file system", "needs write permission, fsync and locks");
      mount.remount("rw");
      assertThat(errors(on)).isEmpty();
      assertThat(on).as("the probe is gone").isEmptyDirectory();
    }
  }

  @Test
  void fullRoot_isRefusedOrTakenButLeavesNoProbe() throws Exception {
    Path on = Files.createDirectory(here.resolve("full"));
    try (TemporaryMount _ = TemporaryMount.tmpfs(on, "size=1m,nr_inodes=2")) {
      Files.createFile(on.resolve("last"));
      assertRefused(on, "No space left on device");
      assertThat(on.toFile().list()).containsExactly("last");
    }
  }

  @Test
  void rootOnFuse_needsTheAdministratorsWord() throws Exception {
    Path behind = Files.createDirectory(here.resolve("behind"));
    Path on = Files.createDirectory(here.resolve("fuse"));
    try (TemporaryMount _ = TemporaryMount.fuse(behind, on)) {
      Path root = Files.createDirectory(on.resolve("a"));
      assertRefused(root, "mount point " + on.toRealPath(), "type fuse", "root.network=true");
      assertThat(errors(root, Map.of("root.network", "true"))).isEmpty();
    }
  }

  @Test
  void rootOfAnotherUser_isRefused() throws Exception {
    Path root = Files.createDirectory(here.resolve("theirs"));
    Files.setPosixFilePermissions(here, PosixFilePermissions.fromString("rwxr-xr-x"));
    Files.setPosixFilePermissions(root, PosixFilePermissions.fromString("rwxr-xr-x"));
    List<String> command = new ArrayList<>();
    TemporaryMount.required(
        TemporaryMount.run("setpriv", "--reuid=65534", "--clear-groups", "true"));
    command.addAll(List.of("setpriv", "--reuid=65534", "--clear-groups"));
    // The class path lies where another user may not read: it is held open by nobody else, so the
    // capability to read stays, the one to write does not.
    command.addAll(
        List.of("--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"));
    command.addAll(List.of("--bounding-set=-all,+dac_read_search"));
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.addAll(List.of(Validate.class.getName(), root.toString()));
    Path said = here.resolve("said");
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(said.toFile()).start();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    String output = Files.readString(said, StandardCharsets.UTF_8);
    assertThat(output)
        .contains("configuration root: cannot be written to durably by user ")
        .contains("AccessDenied")
        .contains("It needs write permission");
    assertThat(root).isEmptyDirectory();
  }

  /** Validates the root given as argument, as whoever runs it. */
  static final class Validate {
    private Validate() {}

    /** Prints the errors. */
    public static void main(String[] args) {
      errors(Path.of(args[0])).forEach(System.out::println);
    }
  }

  private static void assertRefused(Path root, String... said) {
    assertThat(errors(root)).singleElement().asString().contains("root").contains(said);
    assertThatThrownBy(() -> start(root))
        .isInstanceOf(ConnectException.class)
        .message()
        .contains(said);
  }

  private static TestWorker start(Path root) {
    TestWorker worker = new TestWorker(root);
    worker.start(1);
    return worker;
  }

  private static List<String> errors(Path root) {
    return errors(root, Map.of());
  }

  private static List<String> errors(Path root, Map<String, String> more) {
    Map<String, String> settings = new HashMap<>();
    settings.put("topics", "audit.trails,audit.events");
    settings.put("root", root.toString());
    settings.putAll(more);
    return new TrailSinkConnector()
        .validate(settings).configValues().stream()
            .map(ConfigValue::errorMessages)
            .flatMap(List::stream)
            .toList();
  }
}
