// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.bsm;

import auditbus.agent.event.Utf8;
import auditbus.schemas.EncodedFields;
import auditbus.schemas.Outcome;
import auditbus.schemas.Subject;
import auditbus.schemas.Target;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Makes the fields of a record of its tokens, and finds what the event says of subject and target.
 *
 * <p>Names are {@code token.field} in praudit's words, the second token of a name {@code
 * token.2.field} and so on. An argument is {@code argument.NUMBER.DESCRIPTION}. What cannot be read
 * up to the trailer is {@code unknown.0xID} or, if the id is known but the token does not fit,
 * {@code broken.0xID}, in hex and without the id.
 *
 * <p>INVARIANT: a record makes at most {@value #MAX_FIELDS} fields and those of one more token, and
 * their values are not more than about six times its bytes: a record of 1 MiB may hold 350,000
 * tokens, made to fill our memory. Subject, target and outcome are found behind them all the same.
 *
 * <p>Reused from record to record. Not thread-safe.
 */
final class FieldBuilder {
  static final int MAX_FIELDS = 4096;

  /** Strings of a token that get a field each; the rest of them are one, blanks between them. */
  static final int MAX_STRINGS = 1024;

  /** Longest sequence of bytes that is shown in hex whole; the record's raw bytes have all. */
  static final int MAX_HEX_BYTES = 16_384;

  private static final long UNSET = 0xffff_ffffL;
  private static final int AUDIT_ID = 0;
  private static final int EFFECTIVE_UID = 1;
  private static final int EFFECTIVE_GID = 2;
  private static final int REAL_UID = 3;
  private static final int REAL_GID = 4;
  private static final int PID = 5;
  private static final int SESSION = 6;

  private static final EncodedFields.Name TIME = new EncodedFields.Name("record.time");
  private static final EncodedFields.Name MILLISECONDS = new EncodedFields.Name("record.msec");
  private static final EncodedFields.Name UNSHOWN = new EncodedFields.Name("unshown.tokens");

  private static final int MAX_DIGITS = 22; // of 64 bits in octal
  private static final String[] PRINT_FORMS = {"binary", "octal", "decimal", "hex", "string"};
  private static final String[] UNITS = {"byte", "short", "int", "long"};

  private final Texts texts = new Texts();
  private final ArgumentNames argumentNames = new ArgumentNames();
  private final int[] seen = new int[TokenLayout.names()];
  private final EncodedFields.Builder fields = new EncodedFields.Builder();
  private final byte[] digits = new byte[2 + MAX_DIGITS];

  private long record;
  private List<String> escaped = List.of();
  private boolean complete;
  private long seconds;
  private long milliseconds;
  private Outcome outcome = Outcome.UNKNOWN;
  private Subject subject;
  private Target target;

  /** Reads all tokens of a record the cursor stands before. */
  void build(TokenCursor cursor) {
    record++;
    Arrays.fill(seen, 0);
    argumentNames.trim();
    fields.clear();
    escaped = List.of();
    seconds = -1;
    milliseconds = -1;
    outcome = Outcome.UNKNOWN;
    subject = null;
    target = null;

    int first = cursor.position();
    int unshown = 0;
    while (cursor.next()) {
      if (cursor.tokenStart() == first) {
        header(cursor);
      }
      int n = ++seen[cursor.layout().nameIndex()];
      if (n == 1) {
        actors(cursor);
      }
      if (fields.size() < MAX_FIELDS) {
        token(cursor, n);
      } else {
        unshown++;
      }
    }
    boolean whole = cursor.position() == cursor.end();
    if (!whole) {
      rest(cursor);
    }
    if (unshown > 0) {
      fields.put(UNSHOWN, unshown);
    }
    complete = whole && unshown == 0;
  }

  /** Whether all tokens were read, up to the trailer. */
  boolean isComplete() {
    return complete;
  }

  EncodedFields fields() {
    return fields.build();
  }

  List<String> escaped() {
    return escaped;
  }

  /** The header's seconds since 1970, or -1 if it does not fit into the record. */
  long seconds() {
    return seconds;
  }

  long milliseconds() {
    return milliseconds;
  }

  /** What the first return token says. */
  Outcome outcome() {
    return outcome;
  }

  /** The first subject token's, or null. */
  Subject subject() {
    return subject;
  }

  /** The first process token's, or null. */
  Target target() {
    return target;
  }

  private void header(TokenCursor cursor) {
    TokenLayout layout = cursor.layout();
    int size = layout.size();
    if (layout.id() == BsmFraming.FILE) {
      return;
    }
    seconds = cursor.number(size - 2);
    milliseconds = cursor.number(size - 1);
    if (milliseconds < 0 || milliseconds > 999 || seconds < 0 || seconds > UNSET) {
      // The event's time cannot say it, or somebody will doubt what it says.
      fields.put(TIME, Long.toUnsignedString(seconds));
      fields.put(MILLISECONDS, Long.toUnsignedString(milliseconds));
    }
  }

  /** What the event says of itself; the token is the first of its name. */
  private void actors(TokenCursor cursor) {
    switch (cursor.layout().id()) {
      case 0x24, 0x75, 0x7a, 0x7c -> subject = subject(cursor);
      case 0x26, 0x77, 0x7b, 0x7d -> target = target(cursor);
      case 0x27, 0x72 -> outcome = cursor.number(0) == 0 ? Outcome.SUCCESS : Outcome.FAILURE;
      default -> {}
    }
  }

  private void token(TokenCursor cursor, int n) {
    TokenLayout layout = cursor.layout();
    switch (layout.id()) {
      case 0x2d, 0x71 -> argument(cursor);
      case 0x3c, 0x3d -> strings(cursor, n);
      case 0x21 -> data(cursor, n);
      default -> {
        EncodedFields.Name[] names = layout.fieldNames(n);
        for (int field = 0; field < names.length; field++) {
          if (names[field] != null) {
            put(names[field], cursor, field);
          }
        }
      }
    }
  }

  private void put(EncodedFields.Name name, TokenCursor cursor, int field) {
    long number = cursor.number(field);
    byte[] bytes = cursor.bytes();
    int from = cursor.from(field);
    int to = cursor.to(field);
    switch (cursor.layout().form(field)) {
      case 's' -> fields.put(name, (long) (int) number);
      case 'x' -> putHex(name, number);
      case 'o' -> putOctal(name, number);
      case 'e' -> fields.put(name, BsmErrors.of((int) number));
      case 'c' -> fields.put(name, number != 0 ? "success" : "failure");
      case 't', 'z' -> text(name, bytes, from, withoutTerminator(bytes, from, to));
      case 'b' -> hex(name, bytes, from, to);
      case 'g' -> fields.put(name, groups(bytes, from, to));
      case 'i' -> fields.put(name, Texts.uuid(bytes, from));
      case 'a' -> {
        if (from < to) {
          fields.put(name, texts.address(bytes, from, to));
        }
      }
      default -> {
        if (number >= 0) {
          fields.put(name, number);
        } else {
          fields.put(name, Long.toUnsignedString(number));
        }
      }
    }
  }

  private void putHex(EncodedFields.Name name, long number) {
    int at = digits.length;
    long rest = number;
    do {
      int digit = (int) rest & 0xf;
      digits[--at] = (byte) (digit < 10 ? '0' + digit : 'a' - 10 + digit);
      rest >>>= 4;
    } while (rest != 0);
    digits[--at] = 'x';
    digits[--at] = '0';
    fields.put(name, digits, at, digits.length);
  }

  private void putOctal(EncodedFields.Name name, long number) {
    int at = digits.length;
    long rest = number;
    do {
      digits[--at] = (byte) ('0' + ((int) rest & 7));
      rest >>>= 3;
    } while (rest != 0);
    fields.put(name, digits, at, digits.length);
  }

  /**
   * {@code argument.2.signal}; or, if the description is no plain word or this name was there
   * before, {@code argument.2.value} and {@code argument.2.desc}, numbered by token.
   */
  private void argument(TokenCursor cursor) {
    byte[] bytes = cursor.bytes();
    int from = cursor.from(2);
    int to = withoutTerminator(bytes, from, cursor.to(2));
    ArgumentNames.Known known = argumentNames.of((int) cursor.number(0), bytes, from, to);
    if (known != null && known.isFirst(record)) {
      putHex(known.name, cursor.number(1));
      return;
    }
    int n = seen[cursor.layout().nameIndex()];
    String prefix = "argument." + cursor.number(0) + "#" + n;
    putHex(new EncodedFields.Name(prefix + ".value"), cursor.number(1));
    text(new EncodedFields.Name(prefix + ".desc"), bytes, from, to);
  }

  private void strings(TokenCursor cursor, int n) {
    byte[] bytes = cursor.bytes();
    int at = cursor.from(0);
    int to = cursor.to(0);
    TokenLayout layout = cursor.layout();
    for (int index = 0; at < to; index++) {
      if (index == MAX_STRINGS) {
        byte[] more = Arrays.copyOfRange(bytes, at, to - 1);
        for (int each = 0; each < more.length; each++) {
          more[each] = more[each] == 0 ? (byte) ' ' : more[each];
        }
        String name = layout.name() + (n == 1 ? ".more" : "." + n + ".more");
        text(new EncodedFields.Name(name), more, 0, more.length);
        return;
      }
      int end = TokenCursor.terminator(bytes, at, to);
      text(layout.stringName(n, index), bytes, at, end);
      at = end + 1;
    }
  }

  private void data(TokenCursor cursor, int n) {
    byte[] bytes = cursor.bytes();
    int from = cursor.from(0);
    int to = cursor.to(0);
    int form = bytes[from - 3] & 0xff;
    int unit = bytes[from - 2];
    String prefix = n == 1 ? "arbitrary" : "arbitrary." + n;
    fields.put(new EncodedFields.Name(prefix + ".print"), printForm(form));
    fields.put(new EncodedFields.Name(prefix + ".type"), unit(unit));
    fields.put(new EncodedFields.Name(prefix + ".count"), bytes[from - 1] & 0xff);
    EncodedFields.Name name = cursor.layout().fieldNames(n)[0];
    if (form == 4 && unit == 0) {
      text(name, bytes, from, to);
    } else {
      hex(name, bytes, from, to);
    }
  }

  /** praudit's word for how an arbitrary token wants to be shown. */
  static String printForm(int form) {
    return form < PRINT_FORMS.length ? PRINT_FORMS[form] : Integer.toString(form);
  }

  /** praudit's word for the unit of an arbitrary token, 0 to 3. */
  static String unit(int unit) {
    return UNITS[unit];
  }

  private static String groups(byte[] bytes, int from, int to) {
    StringBuilder text = new StringBuilder();
    for (int at = from; at < to; at += 4) {
      if (at > from) {
        text.append(',');
      }
      text.append((int) TokenCursor.u32(bytes, at));
    }
    return text.toString();
  }

  private void rest(TokenCursor cursor) {
    byte[] bytes = cursor.bytes();
    int at = cursor.position();
    int id = bytes[at] & 0xff;
    String name =
        (TokenLayout.of(id) == null ? "unknown.0x" : "broken.0x") + Texts.hex(bytes, at, at + 1);
    hex(new EncodedFields.Name(name), bytes, at + 1, cursor.end());
  }

  private void hex(EncodedFields.Name name, byte[] bytes, int from, int to) {
    if (to - from > MAX_HEX_BYTES) {
      fields.put(name, Texts.hex(bytes, from, from + MAX_HEX_BYTES));
      fields.put(new EncodedFields.Name(name.text() + ".length"), to - from);
    } else {
      fields.put(name, Texts.hex(bytes, from, to));
    }
  }

  private void text(EncodedFields.Name name, byte[] bytes, int from, int to) {
    if (Utf8.isAscii(bytes, from, to) || Utf8.isValid(bytes, from, to)) {
      fields.put(name, bytes, from, to);
      return;
    }
    fields.put(name, Utf8.percentEscaped(bytes, from, to));
    if (escaped.isEmpty()) {
      escaped = new ArrayList<>();
    }
    escaped.add(name.text());
  }

  private static int withoutTerminator(byte[] bytes, int from, int to) {
    return to > from && bytes[to - 1] == 0 ? to - 1 : to;
  }

  private Subject subject(TokenCursor cursor) {
    return new Subject(
        id(cursor, AUDIT_ID),
        id(cursor, REAL_UID),
        id(cursor, EFFECTIVE_UID),
        id(cursor, REAL_GID),
        id(cursor, EFFECTIVE_GID),
        id(cursor, SESSION),
        id(cursor, PID),
        null,
        null,
        null,
        null,
        terminalAddress(cursor));
  }

  private static Target target(TokenCursor cursor) {
    return new Target(
        id(cursor, PID), id(cursor, AUDIT_ID), id(cursor, REAL_UID), id(cursor, SESSION), null);
  }

  private static Long id(TokenCursor cursor, int field) {
    long number = cursor.number(field);
    return number == UNSET ? null : Long.valueOf(number);
  }

  /** Null for the zero address: a terminal of the host itself. */
  private String terminalAddress(TokenCursor cursor) {
    int field = cursor.layout().size() - 1;
    int from = cursor.from(field);
    int to = cursor.to(field);
    for (int at = from; at < to; at++) {
      if (cursor.bytes()[at] != 0) {
        return texts.address(cursor.bytes(), from, to);
      }
    }
    return null;
  }
}
