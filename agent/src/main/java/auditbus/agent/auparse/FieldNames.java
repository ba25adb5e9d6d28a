// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import auditbus.agent.auparse.FieldName.Kind;
import java.nio.charset.StandardCharsets;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * The names seen so far, so that the same few dozen are not made anew for every record.
 *
 * <p>Which fields may be hex is what libauparse's field table and the kernel's
 * audit_log_untrustedstring() calls say. Bounded: names come from outside, so {@link #trim} forgets
 * the learnt ones when there are too many. Not thread-safe.
 */
final class FieldNames {
  private static final int MAX_LEARNT = 4096;
  private static final int MAX_LENGTH = 64;

  private static final Map<Kind, List<String>> KNOWN = new EnumMap<>(Kind.class);

  static {
    KNOWN.put(Kind.STRING, List.of("path", "comm", "exe", "file", "dir", "cwd"));
    KNOWN.put(Kind.KERNEL_STRING, List.of("name", "ocomm", "watch", "invalid_context"));
    KNOWN.put(
        Kind.USER_STRING,
        List.of(
            "acct",
            "cmd",
            "vm",
            "grp",
            "new_group",
            "old_group",
            "device",
            "cgroup",
            "sw",
            "root_dir",
            "new-chardev",
            "old-chardev",
            "new-disk",
            "old-disk",
            "new-fs",
            "old-fs",
            "new-net",
            "old-net",
            "new-rng",
            "old-rng"));
    KNOWN.put(Kind.KEY, List.of("key"));
    KNOWN.put(Kind.COMMAND_LINE, List.of("proctitle"));
    KNOWN.put(
        Kind.ACCESS_CONTROL_STRING, List.of("profile", "peer", "target", "srcname", "namespace"));
    KNOWN.put(Kind.KEYSTROKES, List.of("data"));
    KNOWN.put(Kind.SOCKET_ADDRESS, List.of("saddr"));
    KNOWN.put(Kind.MESSAGE, List.of("msg"));
    KNOWN.put(Kind.LABEL, List.of("subj"));
  }

  // What stands before the first field of a record, by the record's type, and before the first
  // behind 0x1D; a power of two each.
  private static final int STARTS = 64;

  private ByteTable<FieldName> names = known();
  private FieldName[] starts = starts();

  /** The name in a range of bytes, or null if it cannot be one. */
  FieldName find(byte[] bytes, int from, int to) {
    FieldName name = names.get(bytes, from, to);
    return name != null ? name : learn(bytes, from, to);
  }

  /** What stands before the first field of a record of a type. */
  FieldName start(RecordType type) {
    return starts[type.number() & STARTS - 1];
  }

  /** What stands before the first field behind 0x1D. */
  FieldName enrichedStart(RecordType type) {
    return starts[STARTS + (type.number() & STARTS - 1)];
  }

  /** Forgets learnt names if there are too many. Between records only: the marks go too. */
  void trim() {
    if (names.size() > MAX_LEARNT) {
      names = known();
      starts = starts();
    }
  }

  private FieldName learn(byte[] bytes, int from, int to) {
    if (from >= to || to - from > MAX_LENGTH) {
      return null;
    }
    for (int at = from; at < to; at++) {
      int c = bytes[at];
      if (c <= ' ' || c > '~' || c == '"' || c == '\'' || c == '{' || c == '}') {
        return null;
      }
    }
    String text = new String(bytes, from, to - from, StandardCharsets.ISO_8859_1);
    if (text.startsWith("msg.")) {
      return null; // would pass for a field inside msg='...'
    }
    FieldName name = new FieldName(text, isArgument(text) ? Kind.ARGUMENT : Kind.PLAIN);
    names.put(text, name);
    return name;
  }

  /** {@code aN} and {@code aN[i]}, but not {@code aN_len}. */
  private static boolean isArgument(String text) {
    if (text.length() < 2 || text.charAt(0) != 'a') {
      return false;
    }
    int bracket = text.indexOf('[');
    if (bracket >= 0) {
      return text.endsWith("]")
          && Numbers.decimal(text.substring(1, bracket)) >= 0
          && Numbers.decimal(text.substring(bracket + 1, text.length() - 1)) >= 0;
    }
    return Numbers.decimal(text.substring(1)) >= 0;
  }

  private static FieldName[] starts() {
    FieldName[] starts = new FieldName[2 * STARTS];
    for (int at = 0; at < starts.length; at++) {
      starts[at] = FieldName.start();
    }
    return starts;
  }

  private static ByteTable<FieldName> known() {
    ByteTable<FieldName> table = new ByteTable<>();
    KNOWN.forEach(
        (kind, texts) -> texts.forEach(text -> table.put(text, new FieldName(text, kind))));
    return table;
  }
}
