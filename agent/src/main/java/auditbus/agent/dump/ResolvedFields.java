// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.dump;

import java.util.Arrays;
import java.util.Map;
import java.util.Optional;

/**
 * A record's fields, those of auditd's ENRICHED section found for the fields they resolve: {@code
 * AUID} for {@code auid}, {@code ID} for {@code msg.id}.
 *
 * <p>Reused from record to record. Not thread-safe.
 */
final class ResolvedFields {
  private static final String INNER = "msg.";

  private String[] names = new String[64];
  private String[] values = new String[64];
  // Index of what resolves a field, -1 for nothing, -2 if the field resolves another one.
  private int[] resolution = new int[64];
  private int size;

  void read(Map<String, String> fields) {
    size = 0;
    boolean upper = false;
    for (Map.Entry<String, String> field : fields.entrySet()) {
      if (size == names.length) {
        names = Arrays.copyOf(names, 2 * size);
        values = Arrays.copyOf(values, 2 * size);
        resolution = Arrays.copyOf(resolution, 2 * size);
      }
      names[size] = field.getKey();
      values[size] = field.getValue();
      resolution[size++] = -1;
      upper |= isUpper(field.getKey());
    }
    if (upper) {
      pair();
    }
  }

  int size() {
    return size;
  }

  String name(int at) {
    return names[at];
  }

  String value(int at) {
    return values[at];
  }

  /** Whether a field is shown behind the one it resolves. */
  boolean isResolution(int at) {
    return resolution[at] == -2;
  }

  /** What a field was resolved to. */
  Optional<String> resolved(int at) {
    return resolution[at] < 0 ? Optional.empty() : Optional.of(values[resolution[at]]);
  }

  private void pair() {
    for (int at = 0; at < size; at++) {
      if (isUpper(names[at])) {
        for (int other = 0; other < size; other++) {
          if (resolution[other] == -1 && resolves(names[at], names[other])) {
            resolution[other] = at;
            resolution[at] = -2;
            break;
          }
        }
      }
    }
  }

  private static boolean resolves(String upper, String name) {
    int from = name.startsWith(INNER) ? INNER.length() : 0;
    return name.length() - from == upper.length()
        && !isUpper(name)
        && name.regionMatches(true, from, upper, 0, upper.length());
  }

  /** Whether a name is one of the ENRICHED section: a letter or more, none of lower case. */
  private static boolean isUpper(String name) {
    boolean letter = false;
    for (int at = 0; at < name.length(); at++) {
      char c = name.charAt(at);
      if (c >= 'a' && c <= 'z') {
        return false;
      }
      letter |= c >= 'A' && c <= 'Z';
    }
    return letter;
  }
}
