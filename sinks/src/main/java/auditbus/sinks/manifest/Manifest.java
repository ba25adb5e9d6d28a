// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.manifest;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The file {@code MANIFEST} of a source's directory: one line for each trail that was finished or
 * expired there, in that order, each bound to the one before it.
 *
 * <pre>
 *   auditbus manifest 1 host=web1 source=auditd link=HEX
 *   1 finished 20261120104500.20261120110000 state=verified ... link=HEX
 *   2 expired 20261120104500.20261120110000 reason=60d ... link=HEX
 *
 *   link of the first line  SHA-256 of what stands before " link="
 *   link of any other       SHA-256 of the link above, a blank, and what stands before " link="
 * </pre>
 *
 * <p>So no line can be changed, removed, added or moved but by writing all below it anew. Who does
 * that is found out by the topic, which is not his.
 *
 * <p>An entry is durable before the file gets its name or is removed: the manifest is what a start
 * finishes half-done work by. A line that a crash cut short was followed by nothing and is
 * overwritten.
 *
 * <p>Not thread-safe: whoever holds the directory's lock owns it. Reading needs no lock.
 */
public final class Manifest {
  /** The file's name. */
  public static final String NAME = "MANIFEST";

  private static final String HEADER = "auditbus manifest 1 ";
  private static final String LINK = " link=";
  private static final int MAX_LINE_BYTES = 4096;
  private static final int MAX_FAULTS = 20;

  private final Path path;
  private final String host;
  private final String source;
  private long length;
  private long number;
  private String link;

  private Manifest(Path path, String host, String source, Contents contents) {
    this.path = path;
    this.host = host;
    this.source = source;
    this.length = contents.length();
    this.number = contents.lastNumber();
    this.link = contents.lastLink();
  }

  /**
   * What a manifest says.
   *
   * @param host whose it is; empty where there is none, or its first line is broken
   * @param source its source
   * @param entries in their order; lines that are none are left out
   * @param faults what does not fit, a sentence each, the first of them first; at most 20
   * @param length bytes up to the end of the last whole line
   * @param lastNumber the last line's number
   * @param lastLink the last line's link; empty text where there is no line
   */
  public record Contents(
      Optional<String> host,
      Optional<String> source,
      List<ManifestEntry> entries,
      List<String> faults,
      long length,
      long lastNumber,
      String lastLink) {
    /** Copies the lists. */
    public Contents {
      entries = List.copyOf(entries);
      faults = List.copyOf(faults);
    }
  }

  /**
   * Takes a directory's manifest to append to; makes no file yet.
   *
   * @param contents what {@link #read} just said
   */
  public static Manifest open(Path directory, String host, String source, Contents contents) {
    return new Manifest(directory.resolve(NAME), host, source, contents);
  }

  /**
   * Reads a directory's manifest; no file is an empty one.
   *
   * @throws IOException if it cannot be read, or is a link or a directory
   */
  public static Contents read(Path directory) throws IOException {
    Path path = directory.resolve(NAME);
    Reading reading = new Reading();
    if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      if (!Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
        throw new IOException(path + " is no regular file: remove it");
      }
      try (InputStream in = new BufferedInputStream(Files.newInputStream(path), 1 << 16)) {
        reading.read(in);
      }
    }
    return reading.contents();
  }

  /**
   * Appends entries and makes them durable, all of them or none that counts.
   *
   * @throws IOException if the disk refused: append again, nothing is doubled
   */
  public void append(List<? extends ManifestEntry> entries) throws IOException {
    StringBuilder text = new StringBuilder();
    String next = link;
    long nextNumber = number;
    if (length == 0) {
      String line = HEADER + "host=" + host + " source=" + source;
      next = linkOf("", line);
      text.append(line).append(LINK).append(next).append('\n');
    }
    for (ManifestEntry entry : entries) {
      String line = ++nextNumber + " " + entry.text();
      next = linkOf(next, line);
      text.append(line).append(LINK).append(next).append('\n');
    }
    checkOwn();
    byte[] bytes = text.toString().getBytes(StandardCharsets.UTF_8);
    try (FileChannel channel =
        FileChannel.open(
            path,
            Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS),
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-r-----")))) {
      if (channel.size() < length) {
        throw new IOException(
            path + " was cut to " + channel.size() + " bytes, it had " + length + ": restore it");
      }
      // What a crash or a full disk left of a line.
      channel.truncate(length);
      ByteBuffer left = ByteBuffer.wrap(bytes);
      long at = length;
      while (left.hasRemaining()) {
        at += channel.write(left, at);
      }
      channel.force(true);
    }
    if (length == 0) {
      try (FileChannel directory = FileChannel.open(path.getParent(), StandardOpenOption.READ)) {
        directory.force(true);
      }
    }
    length += bytes.length;
    number = nextNumber;
    link = next;
  }

  // A second name would lead the entries, and the cut before them, to a stranger's file.
  private void checkOwn() throws IOException {
    if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    if (!Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
      throw new IOException(path + " is no regular file: remove it");
    }
    int names = (int) Files.getAttribute(path, "unix:nlink", LinkOption.NOFOLLOW_LINKS);
    if (names != 1) {
      throw new IOException(path + " has " + names + " names (hard links): remove the others");
    }
  }

  private static String linkOf(String previous, String line) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      if (!previous.isEmpty()) {
        digest.update((previous + " ").getBytes(StandardCharsets.UTF_8));
      }
      return HexFormat.of().formatHex(digest.digest(line.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  /** Reads the lines of one file. */
  private static final class Reading {
    private final List<ManifestEntry> entries = new ArrayList<>();
    private final List<String> faults = new ArrayList<>();
    private Optional<String> host = Optional.empty();
    private Optional<String> source = Optional.empty();
    private long length;
    private long number;
    private String link = "";
    private long lines;

    void read(InputStream in) throws IOException {
      ByteArrayOutputStream line = new ByteArrayOutputStream();
      long read = 0;
      for (int b = in.read(); b >= 0; b = in.read()) {
        read++;
        if (b == '\n') {
          lines++;
          line(line.toString(StandardCharsets.ISO_8859_1));
          line.reset();
          length = read;
        } else if (line.size() < MAX_LINE_BYTES) {
          line.write(b);
        }
      }
      if (line.size() > 0 && lines == 0) {
        fault("its first line has no end");
      }
    }

    private void line(String line) {
      int at = line.lastIndexOf(LINK);
      if (at < 0 || line.length() - at != LINK.length() + 64) {
        fault("line " + lines + " has no link");
        return;
      }
      String text = line.substring(0, at);
      String stated = line.substring(at + LINK.length());
      String wanted = linkOf(link, text);
      if (!stated.equals(wanted)) {
        fault(
            "line "
                + lines
                + " does not follow the one above it: it or its neighbour was changed, removed or"
                + " moved");
      }
      link = stated;
      if (lines == 1) {
        header(text);
      } else {
        entry(text);
      }
    }

    private void header(String text) {
      String[] words = text.split(" ", -1);
      if (!text.startsWith(HEADER)
          || words.length != 5
          || !words[3].startsWith("host=")
          || !words[4].startsWith("source=")) {
        fault("line 1 is no header of a manifest this version knows");
        return;
      }
      host = Optional.of(words[3].substring("host=".length()));
      source = Optional.of(words[4].substring("source=".length()));
    }

    private void entry(String text) {
      int blank = text.indexOf(' ');
      try {
        long stated = Long.parseLong(text.substring(0, Math.max(blank, 0)));
        if (stated != number + 1) {
          fault("line " + lines + " has number " + stated + ", wanted " + (number + 1));
        }
        number = stated;
        entries.add(ManifestEntry.parse(text.substring(blank + 1)));
      } catch (IllegalArgumentException e) {
        fault("line " + lines + " is no entry: " + e.getMessage());
      }
    }

    private void fault(String fault) {
      if (faults.size() < MAX_FAULTS) {
        faults.add(fault);
      }
    }

    Contents contents() {
      return new Contents(host, source, entries, faults, length, number, link);
    }
  }
}
