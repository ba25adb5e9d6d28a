// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

/**
 * Whose serials: the store's key.
 *
 * @param host the host
 * @param node the node auditd named, "" where it named none, or the host itself
 * @param boot the kernel's boot id, "" where it is not known
 * @param source for boots of unknown id the source they were read from, else ""
 * @param start for boots of unknown id that are over where they began, else ""
 */
record SpaceKey(String host, String node, String boot, String source, String start) {
  private static final char SEPARATOR = GapId.SEPARATOR;

  SpaceKey {
    if (host.isEmpty()) {
      throw new IllegalArgumentException("host is empty");
    }
    for (String one : new String[] {host, node, boot, source, start}) {
      if (one.indexOf(SEPARATOR) >= 0) {
        throw new IllegalArgumentException("a NUL in host, node, boot or source");
      }
    }
  }

  /** Whether it can be a host's name. */
  static boolean isHost(String name) {
    return !name.isEmpty() && name.indexOf(SEPARATOR) < 0;
  }

  static SpaceKey parse(String text) {
    String[] parts = text.split("\0", -1);
    return new SpaceKey(parts[0], parts[1], parts[2], parts[3], parts[4]);
  }

  String text() {
    return host + SEPARATOR + node + SEPARATOR + boot + SEPARATOR + source + SEPARATOR + start;
  }

  boolean hasBoot() {
    return !boot.isEmpty();
  }

  /** The same boot when a later one has begun. */
  SpaceKey over(String trail, long position) {
    return new SpaceKey(host, node, boot, source, trail + "@" + position);
  }
}
