// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import auditbus.agent.trail.TrailName;
import java.io.IOException;
import java.io.InputStream;
import java.io.StringWriter;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Turns the paths a user names into sources.
 *
 * <pre>
 *   directory with trails (START.END)   one trails source
 *   directory with audit.log[.N]        one auditlog source, auditd
 *   directory with other *.log files    one auditlog source a file, named after it
 *   file START.END                      one trails source of that file
 *   any other file                      one auditlog source, named after it; audit.log is auditd
 * </pre>
 *
 * @param sources in the order of the paths given, then of the file names
 * @param notes what was left out, a line each
 */
record Inputs(List<InputSource> sources, List<String> notes) {
  /** Where audit daemons keep their logs. */
  static final Path SYSTEM = Path.of("/var/log/audit");

  private static final Pattern AUDIT_LOG = Pattern.compile("audit\\.log(\\.\\d+)?");

  private static final List<String> SAMPLES =
      List.of(
          "02-term-auid1000-sender-exits.log",
          "03-term-auid-unset-uid0.log",
          "06-usr2-resume.log",
          "11-eperm-poison.log",
          "20-head-4.2.2-signals.log");

  Inputs {
    sources = List.copyOf(sources);
    notes = List.copyOf(notes);
  }

  /**
   * Looks at the paths.
   *
   * @param paths at least one
   * @param names file that remembers which path is which source, so that a source keeps its name
   *     whatever else is named at a later start
   * @throws StartException if a path is missing, unreadable, empty or holds nothing to read
   */
  static Inputs of(List<Path> paths, Path names) throws IOException {
    Scan scan = new Scan(names);
    for (Path path : paths) {
      scan.add(path.toAbsolutePath().normalize());
    }
    scan.remember();
    return new Inputs(scan.sources, scan.notes);
  }

  /** Whether a directory holds logs of an audit daemon this process can read. */
  static boolean present(Path directory) {
    if (!Files.isDirectory(directory) || !Files.isReadable(directory)) {
      return false;
    }
    try {
      return list(directory).stream()
          .anyMatch(
              file ->
                  (isAuditLog(file) || isTrail(file)) && Files.isReadable(file) && size(file) > 0);
    } catch (IOException unreadable) {
      return false;
    }
  }

  /** Writes the bundled trails to a directory, where they are not yet. */
  static void unpackSamples(Path directory) throws IOException {
    Files.createDirectories(directory);
    for (String sample : SAMPLES) {
      Path file = directory.resolve(sample);
      if (!Files.exists(file)) {
        try (InputStream resource = Inputs.class.getResourceAsStream("/samples/" + sample)) {
          DataDirectory.replace(file, resource.readAllBytes());
        }
      }
    }
  }

  private static List<Path> list(Path directory) throws IOException {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.filter(Files::isRegularFile).sorted().toList();
    }
  }

  private static boolean isTrail(Path file) {
    return TrailName.parseWithHost(name(file)).isPresent();
  }

  private static boolean isAuditLog(Path file) {
    return AUDIT_LOG.matcher(name(file)).matches();
  }

  private static String name(Path path) {
    return path.getFileName().toString();
  }

  private static long size(Path file) {
    try {
      return Files.size(file);
    } catch (IOException vanished) {
      return 0;
    }
  }

  /** One look at all paths. */
  private static final class Scan {
    private final Path namesFile;
    private final Map<String, String> nameOfPath = new HashMap<>();
    private final Set<String> taken = new HashSet<>();
    private final Set<Path> seen = new HashSet<>();
    private final List<InputSource> sources = new ArrayList<>();
    private final List<String> notes = new ArrayList<>();

    Scan(Path namesFile) throws IOException {
      this.namesFile = namesFile;
      if (Files.exists(namesFile)) {
        Properties remembered = DataDirectory.read(namesFile);
        for (String path : remembered.stringPropertyNames()) {
          nameOfPath.put(path, remembered.getProperty(path));
          taken.add(remembered.getProperty(path));
        }
      }
    }

    void remember() throws IOException {
      Properties all = new Properties();
      all.putAll(nameOfPath);
      StringWriter text = new StringWriter();
      all.store(text, "which path is which source; written by auditbus");
      DataDirectory.replace(namesFile, text.toString());
    }

    void add(Path path) throws IOException {
      if (!Files.exists(path)) {
        throw new StartException(
            "input "
                + path
                + " does not exist"
                + (parentReadable(path) ? "" : " or its directory is not readable"));
      }
      if (!Files.isReadable(path)) {
        throw new StartException(
            "input " + path + " is not readable: run as a user who may read it");
      }
      if (Files.isDirectory(path)) {
        addDirectory(path);
      } else if (Files.isRegularFile(path)) {
        addFile(path);
      } else {
        throw new StartException("input " + path + " is neither a file nor a directory");
      }
    }

    private void addFile(Path file) {
      if (size(file) == 0) {
        throw new StartException("input " + file + " is empty: there is nothing to distribute");
      }
      if (isTrail(file)) {
        source(
            name(file.getParent() == null ? file : file.getParent()), "trails", file, size(file));
      } else {
        source(baseName(file), "auditlog", file, size(file));
      }
    }

    private void addDirectory(Path directory) throws IOException {
      List<Path> files;
      try {
        files = list(directory);
      } catch (AccessDeniedException e) {
        throw new StartException(
            "input " + directory + " is not readable: run as a user who may read it", e);
      }
      List<Path> trails = matching(files, Inputs::isTrail);
      List<Path> logs = matching(files, Inputs::isAuditLog);
      List<Path> others =
          files.stream()
              .filter(file -> name(file).endsWith(".log") && !logs.contains(file))
              .toList();
      if (!trails.isEmpty()) {
        source(directoryName(directory), "trails", directory, readable(trails, directory));
        leftOut(directory, files, trails, "the directory is read as one of trails");
      } else if (!logs.isEmpty()) {
        source("auditd", "auditlog", directory.resolve("audit.log"), readable(logs, directory));
        leftOut(directory, files, logs, "the directory is read as auditd's");
      } else if (!others.isEmpty()) {
        readable(others, directory);
        for (Path file : others) {
          if (size(file) == 0) {
            notes.add("left out " + file + ": empty");
          } else {
            source(baseName(file), "auditlog", file, size(file));
          }
        }
        leftOut(directory, files, others, "only *.log files are read");
      } else {
        throw new StartException(
            "input "
                + directory
                + " holds nothing to read: no trail (START.END), no audit.log, no *.log");
      }
    }

    /** The files' bytes. */
    private static long readable(List<Path> files, Path directory) {
      long bytes = 0;
      for (Path file : files) {
        if (!Files.isReadable(file)) {
          throw new StartException(
              "input " + file + " is not readable: run as a user who may read it");
        }
        bytes += size(file);
      }
      if (bytes == 0) {
        throw new StartException(
            "input " + directory + " holds only empty files: there is nothing to distribute");
      }
      return bytes;
    }

    private void leftOut(Path directory, List<Path> files, List<Path> taken, String why) {
      List<String> left =
          files.stream().filter(file -> !taken.contains(file)).map(Inputs::name).toList();
      if (!left.isEmpty()) {
        notes.add(
            "left out in "
                + directory
                + ": "
                + String.join(", ", left.subList(0, Math.min(5, left.size())))
                + (left.size() > 5 ? " and " + (left.size() - 5) + " more" : "")
                + " ("
                + why
                + ")");
      }
    }

    private void source(String wanted, String type, Path path, long bytes) {
      if (!seen.add(path)) {
        return; // named twice
      }
      String name = nameOfPath.get(path.toString());
      if (name == null) {
        String plain = safe(wanted);
        name = plain;
        for (int number = 2; !taken.add(name); number++) {
          name = plain + "-" + number;
        }
        nameOfPath.put(path.toString(), name);
      }
      sources.add(new InputSource(name, type, path, bytes));
    }

    private static List<Path> matching(List<Path> files, Predicate<Path> kind) {
      return files.stream().filter(kind).toList();
    }

    private static boolean parentReadable(Path path) {
      return path.getParent() == null
          || !Files.exists(path.getParent())
          || Files.isExecutable(path.getParent());
    }

    private static String baseName(Path file) {
      String name = name(file);
      if (isAuditLog(file)) {
        return "auditd";
      }
      return name.endsWith(".log") ? name.substring(0, name.length() - ".log".length()) : name;
    }

    private static String directoryName(Path directory) {
      return directory.getFileName() == null ? "trails" : name(directory);
    }

    /** A name that may stand in a configuration key and be a directory on the collector. */
    private static String safe(String name) {
      String safe =
          name.toLowerCase(Locale.ROOT)
              .replaceAll("[^a-z0-9_-]+", "-")
              .replaceAll("^[^a-z0-9]+|-+$", "");
      return safe.isEmpty() ? "input" : safe.substring(0, Math.min(64, safe.length()));
    }
  }
}
