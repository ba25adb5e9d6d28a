// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import java.util.AbstractMap;
import java.util.AbstractSet;
import java.util.Arrays;
import java.util.Iterator;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Set;

/**
 * The fields of one record in the order they were read: an immutable map over one array.
 *
 * <p>Design note: a record has a few dozen fields, made once, written once and hardly ever looked
 * up, so an array of names and values beats a hash map in time and in size; looking up is linear.
 */
final class Fields extends AbstractMap<String, String> {
  static final Fields NONE = new Fields(new String[0]);

  private final String[] namesAndValues;

  private Fields(String[] namesAndValues) {
    this.namesAndValues = namesAndValues;
  }

  @Override
  public String get(Object name) {
    for (int at = 0; at < namesAndValues.length; at += 2) {
      if (namesAndValues[at].equals(name)) {
        return namesAndValues[at + 1];
      }
    }
    return null;
  }

  /**
   * The value of a name given as a literal, or null. Compares identities: names are interned.
   *
   * @param literal a compile-time constant
   */
  @SuppressWarnings("ReferenceEquality")
  String of(String literal) {
    String[] all = namesAndValues;
    for (int at = 0; at < all.length; at += 2) {
      if (all[at] == literal) {
        return all[at + 1];
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
    return namesAndValues.length / 2;
  }

  String nameAt(int index) {
    return namesAndValues[2 * index];
  }

  String valueAt(int index) {
    return namesAndValues[2 * index + 1];
  }

  @Override
  public Set<Map.Entry<String, String>> entrySet() {
    return new AbstractSet<>() {
      @Override
      public Iterator<Map.Entry<String, String>> iterator() {
        return new Entries(namesAndValues);
      }

      @Override
      public int size() {
        return Fields.this.size();
      }
    };
  }

  private static final class Entries implements Iterator<Map.Entry<String, String>> {
    private final String[] namesAndValues;
    private int at;

    Entries(String[] namesAndValues) {
      this.namesAndValues = namesAndValues;
    }

    @Override
    public boolean hasNext() {
      return at < namesAndValues.length;
    }

    @Override
    public Map.Entry<String, String> next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      Map.Entry<String, String> entry = Map.entry(namesAndValues[at], namesAndValues[at + 1]);
      at += 2;
      return entry;
    }
  }

  /** Collects a record's fields; reused from record to record. Names must not repeat. */
  static final class Builder {
    private String[] namesAndValues = new String[128];
    private int length;

    void clear() {
      Arrays.fill(namesAndValues, 0, length, null);
      length = 0;
    }

    void put(String name, String value) {
      if (length == namesAndValues.length) {
        namesAndValues = Arrays.copyOf(namesAndValues, length * 2);
      }
      namesAndValues[length++] = name;
      namesAndValues[length++] = value;
    }

    Fields build() {
      return length == 0 ? NONE : new Fields(Arrays.copyOf(namesAndValues, length));
    }
  }
}
