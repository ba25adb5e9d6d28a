// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.manifest;

import auditbus.schemas.ClosingState;
import auditbus.schemas.TrailState;
import java.util.Comparator;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * How trails ended, as their agents published it in {@code audit.trails}: of each trail the last
 * state, where it is a final one. Holds about 500 bytes a trail.
 *
 * <p>Not thread-safe.
 */
public final class Published {
  private final Map<Key, Ending> endings = new TreeMap<>();

  /** A trail's name in the whole bus. */
  record Key(String host, String source, String trail) implements Comparable<Key> {
    @Override
    public int compareTo(Key other) {
      return ORDER.compare(this, other);
    }

    /** Whether a directory and a file may have these names: the topic's are anybody's. */
    boolean isLegal() {
      return host.matches("[a-z0-9_][a-z0-9._-]{0,252}")
          && source.matches("[a-z0-9][a-z0-9._-]{0,63}")
          && trail.matches(ManifestEntry.TRAIL);
    }

    @Override
    public String toString() {
      return host + "/" + source + "/" + trail;
    }
  }

  private static final Comparator<Key> ORDER =
      Comparator.comparing(Key::host).thenComparing(Key::source).thenComparing(Key::trail);

  /** How one trail ended. */
  record Ending(
      String name,
      long size,
      Optional<String> sha256,
      Optional<String> previous,
      Optional<String> previousSha256) {}

  /** Takes the next state, in the topic's order. */
  public void add(TrailState state) {
    Key key = new Key(state.getHost(), state.getSource(), state.getTrail());
    if (ClosingState.isOne(state)) {
      endings.put(
          key,
          new Ending(
              state.getName(),
              state.getSize(),
              state.getSha256(),
              state.getPrevious(),
              state.getPreviousSha256()));
    }
  }

  /** How many trails ended. */
  public int size() {
    return endings.size();
  }

  Map<Key, Ending> endings() {
    return endings;
  }
}
