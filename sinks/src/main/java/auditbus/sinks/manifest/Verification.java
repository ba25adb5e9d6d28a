// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.manifest;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * Proves that nothing in a collected tree was removed, replaced, cut or reordered since it was
 * finished: manifests line by line, files by size and SHA-256, trails by what each says of its
 * predecessor, and all of it against what the agents published where that is given.
 *
 * <p>Takes no lock and changes nothing, so it may run beside the sink and on a copy: names are
 * listed before the manifest is read, because an entry is there before its file has the name.
 *
 * <p>Not thread-safe.
 */
public final class Verification {
  private static final String NOT_TERMINATED = ".not_terminated";
  private static final String QUARANTINED = ".quarantined";

  private final Report report;
  private final Optional<Against> against;
  private final Set<Published.Key> met = new HashSet<>();
  private final Map<Path, Integer> depths = new LinkedHashMap<>();
  private final ByteBuffer scratch = Digest.scratch();
  private Totals totals = new Totals(0, 0, 0, 0, 0, 0, 0);

  /**
   * What the topic says, and of what the directory is. The directory does not tell that itself:
   * whoever can write to it could make a root look like one host's directory.
   *
   * @param host whose directory it is; empty for the root
   * @param source which source's of that host; empty for all
   */
  public record Against(Published published, Optional<String> host, Optional<String> source) {
    /** Checks that a source is one of a host. */
    public Against {
      if (source.isPresent() && host.isEmpty()) {
        throw new IllegalArgumentException("source " + source.get() + " of which host?");
      }
    }

    private int depth() {
      return source.isPresent() ? 0 : host.isPresent() ? 1 : 2;
    }

    private boolean covers(Published.Key key) {
      return host.filter(name -> !name.equals(key.host())).isEmpty()
          && source.filter(name -> !name.equals(key.source())).isEmpty();
    }

    private Path directory(Path top, Published.Key key) {
      Path host = depth() == 2 ? top.resolve(key.host()) : top;
      return depth() >= 1 ? host.resolve(key.source()) : host;
    }
  }

  /** Where the findings go, in the order they are found. */
  public interface Report {
    /** Something does not fit: which file, and why. */
    void misfit(String file, String why);

    /** Something is not proven and need not be wrong. */
    void remark(String file, String what);

    /** A source was gone through. */
    void source(String name, Totals of);
  }

  /**
   * How much was looked at.
   *
   * @param sources directories with a manifest or trails
   * @param trails finished trails that are there and fit
   * @param bytes their bytes
   * @param expired trails that were removed as configured
   * @param unproven finished trails among them that are unverified or quarantined
   * @param open trails that are not finished
   * @param misfits what does not fit
   */
  public record Totals(
      long sources, long trails, long bytes, long expired, long unproven, long open, long misfits) {
    Totals plus(Totals other) {
      return new Totals(
          sources + other.sources,
          trails + other.trails,
          bytes + other.bytes,
          expired + other.expired,
          unproven + other.unproven,
          open + other.open,
          misfits + other.misfits);
    }
  }

  /**
   * Does no I/O.
   *
   * @param against what is to be compared too
   */
  public Verification(Report report, Optional<Against> against) {
    this.report = report;
    this.against = against;
  }

  /**
   * Goes through a tree.
   *
   * @param directory the collection's root, one host's directory or one source's
   * @throws IOException if something cannot be read
   */
  public Totals verify(Path directory) throws IOException {
    Path top = directory.toRealPath();
    if (!Files.isDirectory(top)) {
      throw new IOException(directory + " is no directory");
    }
    walk(top, top, 0);
    checkDepths(top);
    against.ifPresent(topic -> compareTheRest(topic, top));
    return totals;
  }

  // root/host/source: all sources lie equally deep below whatever of it was given. What lies above
  // other sources is gone through and then below it all the same: a file that was made, or a host
  // that was named so, must not make the proof stop there.
  private void walk(Path top, Path directory, int depth) throws IOException {
    Map<String, Path> entries = new TreeMap<>();
    Map<String, Path> directories = new TreeMap<>();
    for (Path path : list(directory)) {
      boolean isDirectory = Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS);
      String name = path.getFileName().toString();
      (isDirectory && !name.equals(Manifest.NAME) ? directories : entries).put(name, path);
    }
    boolean source =
        entries.containsKey(Manifest.NAME)
            || entries.keySet().stream().anyMatch(Verification::isTrailFile);
    if (source) {
      try {
        verifySource(top, directory, entries, depth);
        depths.put(directory, depth);
      } catch (IOException e) {
        misfit(relative(top, directory.resolve(Manifest.NAME)), "cannot be verified: " + e);
      }
    }
    for (Map.Entry<String, Path> entry : entries.entrySet()) {
      if (!source && Files.isSymbolicLink(entry.getValue())) {
        misfit(relative(top, entry.getValue()), "is a link: directories of hosts are none");
      }
    }
    for (Path path : directories.values()) {
      if (depth < 2 && !isForeign(path)) {
        try {
          walk(top, path, depth + 1);
        } catch (IOException e) {
          misfit(relative(top, path), "cannot be read: " + e);
        }
      }
    }
  }

  // A manifest or a trail above, or beside, the directories of sources was put there.
  private void checkDepths(Path top) {
    int deepest = depths.values().stream().mapToInt(depth -> depth).max().orElse(0);
    int wanted = against.map(Against::depth).orElse(deepest);
    depths.forEach(
        (directory, depth) -> {
          if (depth != wanted) {
            misfit(
                relative(top, directory.resolve(Manifest.NAME)),
                "lies "
                    + depth
                    + " directories below the one given, wanted "
                    + wanted
                    + (against.isPresent() ? ": whose directory is it? say --host" : ""));
          }
        });
  }

  // Of every file system's own, and readable by its owner alone.
  private static boolean isForeign(Path directory) {
    return directory.getFileName().toString().equals("lost+found");
  }

  private static String relative(Path top, Path path) {
    return top.relativize(path).toString();
  }

  private static List<Path> list(Path directory) throws IOException {
    List<Path> entries = new ArrayList<>();
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
      stream.forEach(entries::add);
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    return entries;
  }

  private static boolean isTrailFile(String name) {
    return name.matches(ManifestEntry.TRAIL + "\\..*");
  }

  // A name only a finished trail has: the manifest must know it.
  private static boolean isFinal(String name) {
    if (!isTrailFile(name)) {
      return false;
    }
    String end = name.substring(name.indexOf('.'));
    return !end.equals(NOT_TERMINATED)
        && !end.equals(QUARANTINED)
        && !end.endsWith(".unverified")
        && !end.endsWith(".quarantined.json");
  }

  private void misfit(String file, String why) {
    totals = totals.plus(new Totals(0, 0, 0, 0, 0, 0, 1));
    report.misfit(file, why);
  }

  private void verifySource(Path top, Path directory, Map<String, Path> files, int depth)
      throws IOException {
    Set<String> names = files.keySet();
    Totals before = totals;
    Manifest.Contents manifest = Manifest.read(directory);
    String host = manifest.host().orElse(nameOf(directory.getParent()));
    String source = manifest.source().orElse(nameOf(directory));
    Source here = new Source(top, directory, host, source, manifest);
    checkManifest(here, names, depth);
    for (ManifestEntry.Finished entry : here.known.values()) {
      if (here.finished.containsKey(entry.trail())) {
        checkFile(here, entry);
      }
      checkPredecessor(here, entry);
    }
    // Also of what expired: its line is what is left to prove.
    for (ManifestEntry.Finished entry : here.known.values()) {
      against.ifPresent(topic -> compare(here, entry, topic.published()));
    }
    here.notExpired.forEach(
        entry ->
            misfit(
                here.file(entry.name()),
                "expired, says the manifest, and no verified trail of that name is above: only"
                    + " those expire"));
    for (Map.Entry<String, Path> file : files.entrySet()) {
      checkName(here, file.getKey(), file.getValue());
    }
    long open = names.stream().filter(Verification::isOpen).count();
    totals = totals.plus(new Totals(1, 0, 0, here.expired.size(), 0, open, 0));
    report.source(host + "/" + source, minus(totals, before));
  }

  private static boolean isOpen(String name) {
    return isTrailFile(name)
        && (name.endsWith(NOT_TERMINATED) || (name.endsWith(QUARANTINED) && !isFinal(name)));
  }

  private static Totals minus(Totals all, Totals before) {
    return new Totals(
        all.sources - before.sources,
        all.trails - before.trails,
        all.bytes - before.bytes,
        all.expired - before.expired,
        all.unproven - before.unproven,
        all.open - before.open,
        all.misfits - before.misfits);
  }

  private static String nameOf(Path path) {
    return path == null || path.getFileName() == null ? "" : path.getFileName().toString();
  }

  private void checkManifest(Source here, Set<String> names, int depth) {
    String file = here.file(Manifest.NAME);
    if (!names.contains(Manifest.NAME)) {
      if (names.stream().anyMatch(Verification::isFinal)) {
        misfit(file, "is missing, and there are finished trails");
      }
      return;
    }
    here.manifest.faults().forEach(fault -> misfit(file, fault));
    // What was given itself may be a copy under another name.
    Optional<String> host =
        depth >= 2
            ? Optional.of(nameOf(here.directory.getParent()))
            : against.flatMap(Against::host);
    Optional<String> source =
        depth >= 1 ? Optional.of(nameOf(here.directory)) : against.flatMap(Against::source);
    if (source.filter(name -> !name.equals(here.source)).isPresent()) {
      misfit(file, "is of source " + here.source + ": the directory was renamed or swapped");
    }
    if (host.filter(name -> !name.equals(here.host)).isPresent()) {
      misfit(file, "is of host " + here.host + ": the directory was renamed or swapped");
    }
  }

  private void checkFile(Source here, ManifestEntry.Finished entry) throws IOException {
    Path path = here.directory.resolve(entry.name());
    Optional<Found> found = read(path);
    if (found.isEmpty() && here.expiredMeanwhile(entry.name())) {
      // Removed as configured since the manifest was read.
      totals = totals.plus(new Totals(0, 0, 0, 1, 0, 0, 0));
      return;
    }
    if (found.isEmpty()) {
      boolean unfinished = false;
      for (String before : List.of(NOT_TERMINATED, QUARANTINED)) {
        unfinished |=
            read(here.directory.resolve(entry.trail() + before))
                .filter(file -> file.size == entry.size() && file.sha256.equals(entry.sha256()))
                .isPresent();
      }
      // It may have got its name while it was looked for under the one before.
      found = read(path);
      if (found.isEmpty() && !unfinished) {
        misfit(here.file(entry.name()), "is missing: finished " + entry.at());
        return;
      }
    }
    if (found.isEmpty()) {
      report.remark(
          here.file(entry.name()), "has its bytes and not yet its name; the sink's next start");
    } else if (found.get().size != entry.size()) {
      long size = found.get().size;
      misfit(
          here.file(entry.name()),
          (size < entry.size() ? "was cut: " : "has grown: ")
              + size
              + " bytes, finished with "
              + entry.size());
      return;
    } else if (!found.get().sha256.equals(entry.sha256())) {
      misfit(
          here.file(entry.name()),
          "its bytes changed: SHA-256 "
              + found.get().sha256
              + ", finished with "
              + entry.sha256()
              + here.bytesOf(found.get().sha256));
      return;
    }
    boolean proven = entry.proof() == ManifestEntry.Proof.VERIFIED;
    totals = totals.plus(new Totals(0, 1, entry.size(), 0, proven ? 0 : 1, 0, 0));
    if (!proven) {
      checkMarker(here, entry, found.isPresent());
      report.remark(
          here.file(entry.name()),
          entry.proof() == ManifestEntry.Proof.QUARANTINED
              ? "is quarantined: its .quarantined.json says why"
              : "is unverified: the agent did not know its SHA-256");
    }
  }

  // It is durable before the manifest's line.
  private void checkMarker(Source here, ManifestEntry.Finished entry, boolean named) {
    String marker =
        entry.name() + (entry.proof() == ManifestEntry.Proof.QUARANTINED ? ".json" : ".unverified");
    if (named && !Files.isRegularFile(here.directory.resolve(marker), LinkOption.NOFOLLOW_LINKS)) {
      misfit(here.file(marker), "is missing: without it the trail looks like a proven one");
    }
  }

  private record Found(long size, String sha256) {}

  private Optional<Found> read(Path path) throws IOException {
    if (!Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
      return Optional.empty();
    }
    try (FileChannel file =
        FileChannel.open(path, Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS))) {
      Digest digest = new Digest();
      long size = digest.read(file, scratch, Long.MAX_VALUE);
      return Optional.of(new Found(size, digest.hex()));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
  }

  private void checkPredecessor(Source here, ManifestEntry.Finished entry) {
    if (entry.previous().isEmpty()) {
      return;
    }
    String previous = entry.previous().get();
    ManifestEntry.Finished before = here.known.get(previous);
    if (before == null) {
      if (here.isOpen(previous)) {
        report.remark(here.file(entry.name()), "its predecessor " + previous + " is not finished");
      } else if (here.beginsWith(entry)) {
        report.remark(
            here.file(entry.name()),
            "is the first: its predecessor " + previous + " was never collected here");
      } else {
        misfit(
            here.file(entry.name()),
            "its predecessor "
                + previous
                + " is missing: it was removed, with its line in the manifest, or never collected");
      }
    } else if (before.proof() == ManifestEntry.Proof.VERIFIED
        && entry.previousSha256().isPresent()
        && !entry.previousSha256().get().equals(before.sha256())) {
      misfit(
          here.file(before.name()),
          "is not what "
              + entry.name()
              + " follows: SHA-256 "
              + before.sha256()
              + ", its successor names "
              + entry.previousSha256().get());
    }
  }

  private void checkName(Source here, String name, Path path) throws IOException {
    boolean link = Files.isSymbolicLink(path);
    if (name.matches("audit\\.log(?:\\.\\d+)?")) {
      if (!link) {
        report.remark(here.file(name), "is none of the sink's links; 'ausearch -if' reads it too");
      } else if (!isTrailFile(Files.readSymbolicLink(path).toString())
          || Files.readSymbolicLink(path).getNameCount() != 1) {
        misfit(
            here.file(name),
            "leads to "
                + Files.readSymbolicLink(path)
                + ", which is no trail of this directory: 'ausearch -if' would read that");
      }
    } else if (link) {
      misfit(here.file(name), "is a link: no trail is one");
    } else if (isFinal(name) && !here.names.contains(name)) {
      misfit(here.file(name), "is not in the manifest: it was put there, or the line removed");
    } else if (isFinal(name)) {
      checkLeftOver(here, name, path);
    }
  }

  // A name that was in the manifest and is no more: the file is what it was, or not the sink's.
  private void checkLeftOver(Source here, String name, Path path) throws IOException {
    if (here.current.contains(name)) {
      return;
    }
    Optional<Found> found = read(path);
    if (found.isPresent() && here.isTold(name, found.get().sha256)) {
      report.remark(here.file(name), "expired or was finished anew, and is still there");
    } else if (found.isPresent()) {
      misfit(
          here.file(name),
          "is not the file that expired or was finished anew: it was put there in its name");
    }
  }

  private void compare(Source here, ManifestEntry.Finished entry, Published topic) {
    Published.Key key = new Published.Key(here.host, here.source, entry.trail());
    Published.Ending ending = topic.endings().get(key);
    if (ending == null) {
      return;
    }
    met.add(key);
    String name = entry.name();
    boolean quarantined = entry.proof() == ManifestEntry.Proof.QUARANTINED;
    if (quarantined && name.endsWith(QUARANTINED)) {
      name = name.substring(0, name.length() - QUARANTINED.length());
    }
    if (!ending.name().equals(name)) {
      misfit(here.file(entry.name()), "the topic calls it " + ending.name());
    }
    if (quarantined) {
      return;
    }
    if (ending.sha256().isPresent()) {
      if (!ending.sha256().get().equals(entry.sha256()) || ending.size() != entry.size()) {
        misfit(
            here.file(entry.name()),
            "the topic says "
                + ending.size()
                + " bytes, SHA-256 "
                + ending.sha256().get()
                + "; the manifest "
                + entry.size()
                + " bytes, "
                + entry.sha256());
      }
    } else if (entry.proof() == ManifestEntry.Proof.VERIFIED) {
      misfit(here.file(entry.name()), "the topic knows no SHA-256 of it, the manifest does");
    }
    if (!ending.previous().equals(entry.previous())
        || !ending.previousSha256().equals(entry.previousSha256())) {
      misfit(
          here.file(entry.name()),
          "the topic says it follows "
              + ending.previous().orElse("none")
              + ", the manifest "
              + entry.previous().orElse("none"));
    }
  }

  // What ended, says the topic, and no manifest told of.
  private void compareTheRest(Against topic, Path top) {
    topic
        .published()
        .endings()
        .forEach(
            (key, ending) -> {
              if (met.contains(key) || !topic.covers(key)) {
                return;
              }
              if (!key.isLegal() || !ending.name().matches("[A-Za-z0-9.~_-]{1,200}")) {
                report.remark(key.toString(), "ended, says the topic: names the sink refuses");
                return;
              }
              Path directory = topic.directory(top, key);
              String file = relative(top, directory.resolve(ending.name()));
              if (Files.exists(directory.resolve(key.trail() + NOT_TERMINATED))
                  || Files.exists(directory.resolve(key.trail() + QUARANTINED))
                  || Files.exists(directory.resolve("." + key.trail() + ".coverage"))) {
                report.remark(file, "ended, says the topic, and is not collected whole yet");
              } else {
                misfit(
                    file,
                    "ended, says the topic, and nothing of it is here: removed, or the sink is behind");
              }
            });
  }

  /** One source's directory and what its manifest says. */
  private static final class Source {
    final Path top;
    final Path directory;
    final String host;
    final String source;
    final Manifest.Contents manifest;

    /** Every trail that was ever finished here; of a trail that was finished twice the last. */
    final Map<String, ManifestEntry.Finished> known = new LinkedHashMap<>();

    /** Of these, what must be there. */
    final Map<String, ManifestEntry.Finished> finished = new LinkedHashMap<>();

    final Set<String> expired = new HashSet<>();

    /** Lines that remove what never expires. */
    final List<ManifestEntry.Expired> notExpired = new ArrayList<>();

    /** The names of what must be there. */
    final Set<String> current = new HashSet<>();

    private final Set<String> told = new HashSet<>();
    final Set<String> names = new HashSet<>();
    private final Map<String, String> byDigest = new HashMap<>();
    private final Optional<String> first;

    Source(Path top, Path directory, String host, String source, Manifest.Contents manifest) {
      this.top = top;
      this.directory = directory;
      this.host = host;
      this.source = source;
      this.manifest = manifest;
      for (ManifestEntry entry : manifest.entries()) {
        names.add(entry.name());
        switch (entry) {
          case ManifestEntry.Finished of -> {
            known.put(of.trail(), of);
            finished.put(of.trail(), of);
            byDigest.put(of.sha256(), of.name());
            told.add(of.name() + " " + of.sha256());
          }
          case ManifestEntry.Expired of -> {
            ManifestEntry.Finished gone = finished.remove(of.trail());
            if (gone == null
                || !gone.name().equals(of.name())
                || gone.proof() != ManifestEntry.Proof.VERIFIED) {
              notExpired.add(of);
            }
            expired.add(of.name());
          }
        }
      }
      finished.values().forEach(entry -> current.add(entry.name()));
      List<ManifestEntry.Finished> orphans = new ArrayList<>();
      known.values().stream()
          .filter(entry -> entry.previous().filter(known::containsKey).isEmpty())
          .forEach(orphans::add);
      first = orphans.stream().map(ManifestEntry.Finished::trail).min(String::compareTo);
    }

    String file(String name) {
      return top.relativize(directory.resolve(name)).toString();
    }

    boolean isOpen(String trail) {
      return Files.exists(directory.resolve(trail + NOT_TERMINATED))
          || Files.exists(directory.resolve(trail + QUARANTINED))
          || Files.exists(directory.resolve("." + trail + ".coverage"));
    }

    // A chain begins somewhere: with the earliest trail whose predecessor is not known here.
    boolean beginsWith(ManifestEntry.Finished entry) {
      return first.filter(entry.trail()::equals).isPresent();
    }

    boolean expiredMeanwhile(String name) throws IOException {
      return Manifest.read(directory).entries().stream()
          .anyMatch(entry -> entry instanceof ManifestEntry.Expired && entry.name().equals(name));
    }

    boolean isTold(String name, String sha256) {
      return told.contains(name + " " + sha256);
    }

    String bytesOf(String sha256) {
      String other = byDigest.get(sha256);
      return other == null ? "" : ": these are the bytes of " + other;
    }
  }
}
