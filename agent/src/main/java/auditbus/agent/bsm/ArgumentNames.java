// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.bsm;

import auditbus.schemas.EncodedFields;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The names of arguments seen so far, {@code argument.NUMBER.DESCRIPTION}: a system has a few
 * hundred.
 *
 * <p>Bounded: descriptions come from outside, so {@link #trim} forgets all when there are too many.
 * Not thread-safe.
 */
final class ArgumentNames {
  private static final int MAX_DESCRIPTION_BYTES = 64;
  private static final int MAX_KEPT = 4096;

  /** A power of two. */
  private static final int SLOTS = 1024;

  private final Known[] slots = new Known[SLOTS];
  private int size;

  /** An argument's name, and the last record that had it. */
  static final class Known {
    final EncodedFields.Name name;

    private final int number;
    private final byte[] description;
    private final Known next;
    private long seen;

    private Known(int number, byte[] description, Known next) {
      this.name =
          new EncodedFields.Name(
              "argument." + number + "." + new String(description, StandardCharsets.ISO_8859_1));
      this.number = number;
      this.description = description;
      this.next = next;
    }

    /** True the first time it is asked for a record, whose number is at least 1. */
    boolean isFirst(long record) {
      boolean first = seen != record;
      seen = record;
      return first;
    }
  }

  /** The name, or null if the description is no plain word that can be part of one. */
  Known of(int number, byte[] bytes, int from, int to) {
    int length = to - from;
    if (length == 0 || length > MAX_DESCRIPTION_BYTES) {
      return null;
    }
    int hash = number;
    for (int at = from; at < to; at++) {
      byte b = bytes[at];
      if (b <= ' ' || b == '.' || b == 0x7f) {
        return null;
      }
      hash = 31 * hash + b;
    }
    int slot = (hash ^ hash >>> 10 ^ hash >>> 20) & (SLOTS - 1);
    for (Known known = slots[slot]; known != null; known = known.next) {
      byte[] description = known.description;
      if (known.number == number
          && Arrays.equals(description, 0, description.length, bytes, from, to)) {
        return known;
      }
    }
    Known made = new Known(number, Arrays.copyOfRange(bytes, from, to), slots[slot]);
    slots[slot] = made;
    size++;
    return made;
  }

  /** Forgets all names if there are too many. Between records only: the marks go too. */
  void trim() {
    if (size > MAX_KEPT) {
      Arrays.fill(slots, null);
      size = 0;
    }
  }
}
