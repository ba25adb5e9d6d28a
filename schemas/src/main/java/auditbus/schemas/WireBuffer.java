// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A growing array that one record is written to, in Avro's binary form.
 *
 * <p>Design note: apart from Avro's own encoder, which writes every byte through a stream and makes
 * an array of every string, so that the agent's events can be written by a few copies.
 *
 * <p>Not thread-safe.
 */
final class WireBuffer extends OutputStream {
  private static final int MAX_LONG_BYTES = 10;

  /** Texts that are written again and again, as they were encoded last; a power of two. */
  private static final int KEPT_TEXTS = 256;

  private static final int MAX_KEPT_LENGTH = 128;

  private final String[] keptTexts = new String[KEPT_TEXTS];
  private final byte[][] keptBytes = new byte[KEPT_TEXTS][];

  private byte[] bytes = new byte[8_192];
  private int length;

  int capacity() {
    return bytes.length;
  }

  void clear() {
    length = 0;
  }

  /** A copy of what was written. */
  byte[] toByteArray() {
    return Arrays.copyOf(bytes, length);
  }

  @Override
  public void write(int b) {
    ensure(1);
    bytes[length++] = (byte) b;
  }

  @Override
  public void write(byte[] from, int offset, int count) {
    ensure(count);
    System.arraycopy(from, offset, bytes, length, count);
    length += count;
  }

  void writeLong(long value) {
    ensure(MAX_LONG_BYTES);
    length = AvroBinary.putLong(bytes, length, value);
  }

  /** A string that is likely to differ from one time to the next. */
  void writeText(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    writeLong(utf8.length);
    write(utf8, 0, utf8.length);
  }

  /** A string that is likely to come again: a host's name, a record type's. */
  void writeKnownText(String text) {
    int slot = text.hashCode() & KEPT_TEXTS - 1;
    byte[] encoded = keptBytes[slot];
    if (encoded == null || !text.equals(keptTexts[slot])) {
      encoded = AvroBinary.text(text);
      if (encoded.length <= MAX_KEPT_LENGTH) {
        keptTexts[slot] = text;
        keptBytes[slot] = encoded;
      }
    }
    write(encoded, 0, encoded.length);
  }

  void writeBytes(ByteBuffer from) {
    int count = from.remaining();
    writeLong(count);
    if (from.hasArray()) {
      write(from.array(), from.arrayOffset() + from.position(), count);
    } else {
      ensure(count);
      from.get(from.position(), bytes, length, count);
      length += count;
    }
  }

  private void ensure(int count) {
    if (bytes.length - length < count) {
      grow(count);
    }
  }

  private void grow(int count) {
    int needed = Math.addExact(length, count);
    bytes =
        Arrays.copyOf(
            bytes, Math.max(needed, (int) Math.min(2L * bytes.length, Integer.MAX_VALUE - 8)));
  }
}
