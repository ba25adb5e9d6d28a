// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

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
    /** Hex of what was typed at a terminal: TTY and USER_TTY records. */
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

  // Interned, so that Fields can be asked by identity.
  final String text;
  final String inner;
  final Kind kind;
  final boolean upperCase;

  // Number of the last record that had this name, outside and inside msg='...'.
  private long seen;
  private long seenInner;

  FieldName(String text, Kind kind) {
    this.text = text.intern();
    this.inner = ("msg." + text).intern();
    this.kind = kind;
    boolean upper = !text.isEmpty();
    for (int at = 0; at < text.length(); at++) {
      char c = text.charAt(at);
      upper &= (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    }
    this.upperCase = upper;
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
      case KEYSTROKES -> type.number() == RecordType.TTY || type.number() == RecordType.USER_TTY;
      case ARGUMENT -> !inside && type.number() == RecordType.EXECVE;
      case SOCKET_ADDRESS -> !inside && type.number() == RecordType.SOCKADDR;
    };
  }
}
