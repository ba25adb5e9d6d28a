// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import auditbus.schemas.EncodedFields;
import java.nio.charset.StandardCharsets;

/**
 * A field's name and how its values are written.
 *
 * <p>Owned by one {@link FieldNames}; not thread-safe because of the marks.
 */
final class FieldName {
  /** How a field's unquoted values are to be read. Quoted ones are always text. */
  enum Kind {
    /** As they stand, in every record. */
    PLAIN,
    /** Hex of a string where the kernel wrote it. */
    KERNEL_STRING,
    /** Hex of a string in what user space wrote. */
    USER_STRING,
    /** Hex of a string, whoever wrote it. */
    STRING,
    /** Hex of the rule keys that caught the event, joined by 0x01. */
    KEY,
    /** Hex of a command line, its arguments ended by 0x00. */
    COMMAND_LINE,
    /** Hex of a string in AVC and AppArmor records. */
    ACCESS_CONTROL_STRING,
    /** Hex of what was typed at a terminal: TTY and USER_TTY records, and what user space wrote. */
    KEYSTROKES,
    /** An argument: hex of a string in EXECVE records, a hex number in all others. */
    ARGUMENT,
    /** A struct sockaddr in hex: SOCKADDR records. */
    SOCKET_ADDRESS,
    /** The text of a record from user space: everything inside {@code msg='...'}. */
    MESSAGE,
    /** A security label; in records of the audit daemon all but the last field ends there. */
    LABEL
  }

  private static final EncodedFields.Name NO_NAME = new EncodedFields.Name("");

  final EncodedFields.Name outer;
  final EncodedFields.Name inner;
  final Kind kind;
  final boolean upperCase;

  private final byte[] bytes;

  // What followed this name the last time it was read: records of a type have the same fields in
  // the same order, so it is nearly always what follows now. Null where nothing is known yet.
  private FieldName successor;

  // Number of the last record that had this name, outside and inside msg='...'.
  private long seen;
  private long seenInner;

  FieldName(String text, Kind kind) {
    this(text, kind, new EncodedFields.Name(text), new EncodedFields.Name("msg." + text));
  }

  private FieldName(String text, Kind kind, EncodedFields.Name outer, EncodedFields.Name inner) {
    this.outer = outer;
    this.inner = inner;
    this.kind = kind;
    boolean upper = !text.isEmpty();
    for (int at = 0; at < text.length(); at++) {
      char c = text.charAt(at);
      upper &= (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    }
    this.upperCase = upper;
    this.bytes = text.getBytes(StandardCharsets.ISO_8859_1);
  }

  /** What stands before the first field: no name, but something that others follow. */
  static FieldName start() {
    return new FieldName("", Kind.PLAIN, NO_NAME, NO_NAME);
  }

  int length() {
    return bytes.length;
  }

  /** The name that is expected behind this one, if it stands there with its =, else null. */
  FieldName successorAt(byte[] line, int from, int limit) {
    FieldName expected = successor;
    return expected != null && expected.isAt(line, from, limit) ? expected : null;
  }

  /** Remembers what followed. */
  void follow(FieldName name) {
    successor = name;
  }

  private boolean isAt(byte[] line, int from, int limit) {
    byte[] wanted = bytes;
    int end = from + wanted.length;
    if (end >= limit || line[end] != '=') {
      return false;
    }
    for (int index = 0; index < wanted.length; index++) {
      if (line[from + index] != wanted[index]) {
        return false;
      }
    }
    return true;
  }

  /** True the first time it is asked for a record; that occurrence wins. */
  boolean isFirst(long record, boolean inside) {
    if (inside) {
      boolean first = seenInner != record;
      seenInner = record;
      return first;
    }
    boolean first = seen != record;
    seen = record;
    return first;
  }

  /** Whether an unquoted value of this field is hex of a string in records of a type. */
  boolean isEncoded(RecordType type, boolean inside) {
    return switch (kind) {
      case PLAIN, LABEL -> false;
      case MESSAGE -> !inside && type.number() == RecordType.USER_TTY;
      case KERNEL_STRING, KEY, COMMAND_LINE -> !inside && !type.isUser() && !type.isDaemon();
      case USER_STRING -> inside;
      case STRING -> inside || (!type.isUser() && !type.isDaemon());
      case ACCESS_CONTROL_STRING -> !inside && type.isAccessControl();
      case KEYSTROKES ->
          inside || type.number() == RecordType.TTY || type.number() == RecordType.USER_TTY;
      case ARGUMENT -> !inside && type.number() == RecordType.EXECVE;
      case SOCKET_ADDRESS -> !inside && type.number() == RecordType.SOCKADDR;
    };
  }
}
