// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import java.io.IOException;
import java.nio.file.Files;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the sinks' lock log says: who held which directory when, and whether any two did at once.
 *
 * <p>{@code holds} is logged after the lock is had and {@code let go} before it is given up, so
 * times of the two taken from one clock can only make a holding shorter than it was, never move it
 * past another's. All work on a directory's trails lies between the two lines.
 */
final class LockLog {
  /** How times are written: UTC, with milliseconds. */
  static final String TIME = "yyyy-MM-dd'T'HH:mm:ss.SSS";

  private static final DateTimeFormatter FORMAT = DateTimeFormatter.ofPattern(TIME);
  private static final Pattern LINE =
      Pattern.compile("(\\S+) INFO auditbus\\.sinks\\.locks - (holds|let go of) (\\S+) as (.+)");

  private LockLog() {}

  /**
   * One task's holding of one directory.
   *
   * @param ending when it surely still worked: it let go here, or its process was killed
   * @param until when it surely worked no more: the same, or its process had been waited for
   */
  record Holding(String directory, String owner, Instant from, Instant ending, Instant until) {}

  /**
   * What the holdings prove.
   *
   * @param holdings how many there were
   * @param handovers how often a directory went from one owner to another
   * @param whileDying how many of them were between the kill of the old holder and the end of the
   *     wait for it: the kernel frees the lock somewhere in there
   * @param overlaps every two owners that held a directory at once
   */
  record Verdict(int holdings, int handovers, int whileDying, List<String> overlaps) {}

  /** The holdings one process logged; what it did not let go of it held to its end. */
  static List<Holding> of(WorkerProcess.Life life) throws IOException {
    return parse(Files.readAllLines(life.log()), life.ending(), life.ended());
  }

  static List<Holding> parse(List<String> lines, Instant ending, Instant ended) {
    List<Holding> holdings = new ArrayList<>();
    Map<String, Holding> open = new HashMap<>();
    for (String line : lines) {
      // What is no whole line was cut by the kill: a task goes on only after it was written.
      Matcher matcher = LINE.matcher(line);
      if (matcher.matches()) {
        Instant at = LocalDateTime.parse(matcher.group(1), FORMAT).toInstant(ZoneOffset.UTC);
        String directory = matcher.group(3);
        String owner = matcher.group(4);
        if (matcher.group(2).equals("holds")) {
          Holding before = open.put(directory, new Holding(directory, owner, at, ending, ended));
          if (before != null) {
            // Kept to the end of its process: it will be found to overlap.
            holdings.add(before);
          }
        } else {
          Holding held = open.remove(directory);
          if (held == null || !held.owner().equals(owner)) {
            throw new IllegalStateException("let go of what was not held: " + line);
          }
          holdings.add(new Holding(directory, owner, held.from(), at, at));
        }
      }
    }
    holdings.addAll(open.values());
    return holdings;
  }

  static Verdict judge(List<Holding> holdings) {
    Map<String, List<Holding>> byDirectory = new TreeMap<>();
    holdings.forEach(
        holding ->
            byDirectory.computeIfAbsent(holding.directory(), _ -> new ArrayList<>()).add(holding));
    int handovers = 0;
    int whileDying = 0;
    List<String> overlaps = new ArrayList<>();
    for (List<Holding> ofOne : byDirectory.values()) {
      ofOne.sort(Comparator.comparing(Holding::from));
      Holding last = null;
      for (Holding next : ofOne) {
        if (last != null) {
          handovers += last.owner().equals(next.owner()) ? 0 : 1;
          if (next.from().isBefore(last.ending())) {
            overlaps.add(last + " and " + next);
          } else if (next.from().isBefore(last.until())) {
            whileDying++;
          }
        }
        // The one that holds longest is the one the next must not overlap.
        last = last == null || !next.ending().isBefore(last.ending()) ? next : last;
      }
    }
    return new Verdict(holdings.size(), handovers, whileDying, overlaps);
  }
}
