// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import auditbus.agent.event.Words;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A hash table whose keys are looked up as a range of bytes, so that finding a known word in a line
 * costs no allocation.
 *
 * <p>INVARIANT: neither keys nor what is looked up has 0x00 in it, so the first eight bytes of a
 * short word tell its length. Not thread-safe while {@link #put} may run.
 */
final class ByteTable<V> {
  private byte[][] keys = new byte[512][];
  private long[] heads = new long[512];
  private Object[] values = new Object[512];
  private int size;

  int size() {
    return size;
  }

  /** The value under a range of bytes, or null. */
  @SuppressWarnings("unchecked")
  V get(byte[] bytes, int from, int to) {
    int length = to - from;
    long head = Words.head(bytes, from, to);
    int mask = keys.length - 1;
    for (int slot = hash(head, length, bytes, to) & mask; ; slot = (slot + 1) & mask) {
      byte[] key = keys[slot];
      if (key == null) {
        return null;
      }
      if (heads[slot] == head
          && key.length == length
          && (length <= Long.BYTES || Arrays.equals(key, 0, length, bytes, from, to))) {
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
    heads = new long[oldKeys.length * 2];
    values = new Object[oldKeys.length * 2];
    for (int at = 0; at < oldKeys.length; at++) {
      if (oldKeys[at] != null) {
        insert(oldKeys[at], oldValues[at]);
      }
    }
  }

  private void insert(byte[] key, Object value) {
    long head = Words.head(key, 0, key.length);
    int mask = keys.length - 1;
    int slot = hash(head, key.length, key, key.length) & mask;
    while (keys[slot] != null) {
      slot = (slot + 1) & mask;
    }
    keys[slot] = key;
    heads[slot] = head;
    values[slot] = value;
  }

  /** Of the first eight bytes, the last eight and the length. */
  private static int hash(long head, int length, byte[] bytes, int to) {
    long mixed = head + length;
    if (length > Long.BYTES) {
      mixed = mixed * 0x9e3779b97f4a7c15L ^ Words.at(bytes, to - Long.BYTES);
    }
    mixed *= 0x9e3779b97f4a7c15L;
    return (int) (mixed >>> 40);
  }
}
