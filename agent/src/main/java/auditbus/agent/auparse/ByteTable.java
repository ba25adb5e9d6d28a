// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A hash table whose keys are looked up as a range of bytes, so that finding a known word in a line
 * costs no allocation.
 *
 * <p>Not thread-safe while {@link #put} may run.
 */
final class ByteTable<V> {
  private byte[][] keys = new byte[512][];
  private Object[] values = new Object[512];
  private int size;

  int size() {
    return size;
  }

  /** The hash of a range: the same as {@link String#hashCode} of its ISO 8859-1 text. */
  static int hash(byte[] bytes, int from, int to) {
    int hash = 0;
    for (int at = from; at < to; at++) {
      hash = 31 * hash + (bytes[at] & 0xff);
    }
    return hash;
  }

  /** The value under a range of bytes, or null. */
  @SuppressWarnings("unchecked")
  V get(byte[] bytes, int from, int to, int hash) {
    int mask = keys.length - 1;
    for (int slot = spread(hash) & mask; ; slot = (slot + 1) & mask) {
      byte[] key = keys[slot];
      if (key == null) {
        return null;
      }
      if (Arrays.equals(key, 0, key.length, bytes, from, to)) {
        return (V) values[slot];
      }
    }
  }

  void put(String text, V value) {
    byte[] key = text.getBytes(StandardCharsets.ISO_8859_1);
    if (++size * 2 > keys.length) {
      grow();
    }
    insert(key, value);
  }

  private void grow() {
    byte[][] oldKeys = keys;
    Object[] oldValues = values;
    keys = new byte[oldKeys.length * 2][];
    values = new Object[oldKeys.length * 2];
    for (int at = 0; at < oldKeys.length; at++) {
      if (oldKeys[at] != null) {
        insert(oldKeys[at], oldValues[at]);
      }
    }
  }

  private void insert(byte[] key, Object value) {
    int mask = keys.length - 1;
    int slot = spread(hash(key, 0, key.length)) & mask;
    while (keys[slot] != null) {
      slot = (slot + 1) & mask;
    }
    keys[slot] = key;
    values[slot] = value;
  }

  private static int spread(int hash) {
    return hash ^ (hash >>> 15);
  }
}
