// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import java.nio.charset.StandardCharsets;
import java.util.AbstractMap;
import java.util.AbstractSet;
import java.util.Arrays;
import java.util.Iterator;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Set;

/**
 * A record's decoded fields in the order they were read, an immutable map that is already in Avro's
 * binary form:
 *
 * <pre>
 *  bytes   name value name value ...        each a length and UTF-8
 *  ends          ^          ^               where the next name starts
 * </pre>
 *
 * <p>Design note: a record has a few dozen fields, made once, written once and hardly ever looked
 * up. Kept as bytes a value is copied from the line into the map and from the map into the message,
 * and no string is made of it. Looking up is linear.
 *
 * <p>Thread-safe: immutable, as long as nobody writes to {@link #bytes}.
 */
public final class EncodedFields extends AbstractMap<String, String> {
  /** No fields. */
  public static final EncodedFields NONE =
      new EncodedFields(new String[0], new int[0], new byte[0]);

  // Interned by Name, so that they can be asked for by identity.
  private final String[] names;
  private final int[] ends;
  private final byte[] bytes;

  private EncodedFields(String[] names, int[] ends, byte[] bytes) {
    this.names = names;
    this.ends = ends;
    this.bytes = bytes;
  }

  /** A field's name, made once and written often; immutable. */
  public static final class Name {
    private final String text;
    private final byte[] encoded;

    /** Encodes a name. */
    public Name(String text) {
      this.text = text.intern();
      this.encoded = AvroBinary.text(text);
    }

    /** The name, interned. */
    public String text() {
      return text;
    }
  }

  /**
   * Place of the field whose name is given as a literal, or -1. Compares identities.
   *
   * @param literal a compile-time constant
   */
  @SuppressWarnings("ReferenceEquality")
  public int indexOf(String literal) {
    String[] all = names;
    for (int index = 0; index < all.length; index++) {
      if (all[index] == literal) {
        return index;
      }
    }
    return -1;
  }

  /** The name of the field at a place from 0 to {@link #size} - 1. */
  public String nameAt(int index) {
    return names[index];
  }

  /** The value of the field at a place. */
  public String valueAt(int index) {
    return AvroBinary.text(bytes, valueFrom(index), ends[index]);
  }

  /** The array that values stand in, UTF-8; not to be written to. */
  @SuppressWarnings("EI_EXPOSE_REP")
  public byte[] bytes() {
    return bytes;
  }

  /** Where the value of the field at a place starts in {@link #bytes}. */
  public int valueFrom(int index) {
    int name = index == 0 ? 0 : ends[index - 1];
    int nameLength = AvroBinary.lengthAt(bytes, name);
    int value = name + AvroBinary.sizeOfLength(nameLength) + nameLength;
    return value + AvroBinary.sizeOfLength(AvroBinary.lengthAt(bytes, value));
  }

  /** Where the value of the field at a place ends in {@link #bytes}. */
  public int valueTo(int index) {
    return ends[index];
  }

  @Override
  public String get(Object name) {
    for (int index = 0; index < names.length; index++) {
      if (names[index].equals(name)) {
        return valueAt(index);
      }
    }
    return null;
  }

  @Override
  public boolean containsKey(Object name) {
    return get(name) != null;
  }

  @Override
  public int size() {
    return names.length;
  }

  @Override
  public Set<Map.Entry<String, String>> entrySet() {
    return new AbstractSet<>() {
      @Override
      public Iterator<Map.Entry<String, String>> iterator() {
        return new Entries();
      }

      @Override
      public int size() {
        return names.length;
      }
    };
  }

  /** Writes the map as Avro does: one block of all entries, if there are any, and an empty one. */
  void writeTo(WireBuffer out) {
    if (names.length > 0) {
      out.writeLong(names.length);
      out.write(bytes, 0, bytes.length);
    }
    out.writeLong(0);
  }

  private final class Entries implements Iterator<Map.Entry<String, String>> {
    private int next;

    @Override
    public boolean hasNext() {
      return next < names.length;
    }

    @Override
    public Map.Entry<String, String> next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      int index = next++;
      return Map.entry(names[index], valueAt(index));
    }
  }

  /** Collects a record's fields; reused from record to record. Not thread-safe. */
  public static final class Builder {
    private static final int MAX_LENGTH_BYTES = 5;

    /** Sign and digits of the longest decimal. */
    private static final int MAX_DECIMAL_BYTES = 20;

    /** Names shorter than this are copied byte by byte, which is faster for them. */
    private static final int LONG_NAME_BYTES = 12;

    /** The last digit of 0 to 99, and the one before. */
    private static final byte[] ONES = new byte[100];

    private static final byte[] TENS = new byte[100];

    static {
      for (int number = 0; number < 100; number++) {
        ONES[number] = (byte) ('0' + number % 10);
        TENS[number] = (byte) ('0' + number / 10);
      }
    }

    /** What is kept between records at most: one large record must not hold its memory for ever. */
    private static final int MAX_KEPT_BYTES = 64 << 10;

    private String[] names = new String[64];
    private int[] ends = new int[64];
    private byte[] bytes = new byte[4_096];
    private int size;
    private int length;

    /** Forgets all fields. */
    public void clear() {
      size = 0;
      length = 0;
      if (bytes.length > MAX_KEPT_BYTES) {
        names = new String[64];
        ends = new int[64];
        bytes = new byte[4_096];
      }
    }

    /** Adds a field whose name was not added yet. */
    public void put(Name name, String value) {
      byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
      put(name, utf8, 0, utf8.length);
    }

    /**
     * Adds a field whose name was not added yet.
     *
     * @param from start of the value in an array: UTF-8, which is not checked
     * @param to its end
     */
    public void put(Name name, byte[] source, int from, int to) {
      byte[] encoded = name.encoded;
      int count = to - from;
      int at = length;
      if (bytes.length - at < (long) encoded.length + MAX_LENGTH_BYTES + count
          || size == names.length) {
        grow(encoded.length + MAX_LENGTH_BYTES, count);
      }
      at = putName(encoded, at);
      byte[] target = bytes;
      at = AvroBinary.putLong(target, at, count);
      System.arraycopy(source, from, target, at, count);
      at += count;
      names[size] = name.text;
      ends[size++] = at;
      length = at;
    }

    /** Adds a field whose name was not added yet and whose value is a number in decimal. */
    public void put(Name name, long number) {
      byte[] encoded = name.encoded;
      int at = length;
      if (bytes.length - at < encoded.length + 1 + MAX_DECIMAL_BYTES || size == names.length) {
        grow(encoded.length, 1 + MAX_DECIMAL_BYTES);
      }
      at = putName(encoded, at);
      at = putDecimal(bytes, at, number);
      names[size] = name.text;
      ends[size++] = at;
      length = at;
    }

    /** How many fields were added since the last {@link #clear}. */
    public int size() {
      return size;
    }

    /** The fields added since the last {@link #clear}. */
    public EncodedFields build() {
      return size == 0
          ? NONE
          : new EncodedFields(
              Arrays.copyOf(names, size), Arrays.copyOf(ends, size), Arrays.copyOf(bytes, length));
    }

    private int putName(byte[] encoded, int at) {
      byte[] target = bytes;
      if (encoded.length >= LONG_NAME_BYTES) {
        System.arraycopy(encoded, 0, target, at, encoded.length);
        return at + encoded.length;
      }
      int position = at;
      for (byte b : encoded) {
        target[position++] = b;
      }
      return position;
    }

    /** Writes a number's length and digits, and returns the position behind them. */
    private static int putDecimal(byte[] target, int at, long number) {
      if (number < 0 || number > Integer.MAX_VALUE) {
        byte[] text = Long.toString(number).getBytes(StandardCharsets.ISO_8859_1);
        target[at] = (byte) (text.length << 1); // Avro's form of a length below 64
        System.arraycopy(text, 0, target, at + 1, text.length);
        return at + 1 + text.length;
      }
      int rest = (int) number;
      int digits = 1;
      for (int power = 10; rest >= power; power *= 10) {
        if (++digits == 10) {
          break; // the next power is no int
        }
      }
      int end = at + 1 + digits;
      int position = end;
      while (rest >= 10) {
        int quotient = rest / 100;
        int pair = rest - quotient * 100;
        target[--position] = ONES[pair];
        target[--position] = TENS[pair];
        rest = quotient;
      }
      if (position > at + 1) {
        target[--position] = (byte) ('0' + rest);
      }
      target[at] = (byte) (digits << 1);
      return end;
    }

    private void grow(int nameBytes, int valueBytes) {
      if (size == names.length) {
        names = Arrays.copyOf(names, size * 2);
        ends = Arrays.copyOf(ends, size * 2);
      }
      int needed = Math.addExact(Math.addExact(length, nameBytes), valueBytes);
      if (needed > bytes.length) {
        bytes =
            Arrays.copyOf(
                bytes, (int) Math.max(needed, Math.min(2L * bytes.length, Integer.MAX_VALUE - 8)));
      }
    }
  }
}
