// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.bsm;

import java.nio.charset.StandardCharsets;

/**
 * Writes a record as {@code praudit -rl} does: the raw numbers of all tokens on one line, a comma
 * after each.
 *
 * <p>Text stands as it is, commas, control characters and all, so the line is for people and for
 * comparing; what programs want is in the event. Bytes that are not UTF-8 are percent-escaped. Not
 * thread-safe.
 */
public final class PrauditText {
  private final Texts texts = new Texts();
  private final TokenCursor cursor = new TokenCursor();

  /**
   * The line of a whole record, without line end.
   *
   * <p>Where tokens end that can be read stands {@code unknown} with the bytes up to the trailer,
   * in hex.
   *
   * @throws IllegalArgumentException if these bytes are no whole record or file token
   */
  public String line(byte[] record) {
    if (record.length == 0
        || new BsmFraming().frameEnd(record, 0, record.length, false) != record.length) {
      throw new IllegalArgumentException(
          "no whole BSM record of "
              + record.length
              + " bytes: "
              + (record.length == 0 ? "empty" : new BsmFraming().fault(record, 0, record.length)));
    }
    StringBuilder line = new StringBuilder(2 * record.length);
    cursor.open(record, 0, record.length);
    while (cursor.next()) {
      token(line);
    }
    if (cursor.position() < cursor.end()) {
      line.append("unknown,")
          .append(Texts.hex(record, cursor.position(), cursor.end()))
          .append(',');
    }
    if (record[0] != BsmFraming.FILE) {
      line.append(BsmFraming.TRAILER).append(',').append(record.length).append(',');
    }
    return line.toString();
  }

  private void token(StringBuilder line) {
    TokenLayout layout = cursor.layout();
    line.append(layout.id()).append(',');
    for (int field = 0; field < layout.size(); field++) {
      field(line, layout.form(field), field);
    }
  }

  private void field(StringBuilder line, char form, int field) {
    long number = cursor.number(field);
    byte[] bytes = cursor.bytes();
    int from = cursor.from(field);
    int to = cursor.to(field);
    switch (form) {
      case 's' -> line.append((int) number);
      case 'x' -> hex(line, number, cursor.layout().kinds()[field]);
      case 'p' -> line.append("0x").append(Long.toHexString(number));
      case 'o' -> line.append(Long.toOctalString(number));
      case 'n' -> line.append("Error ").append(number);
      case 'c' -> line.append(number != 0 ? "successful use of priv" : "failed use of priv");
      case 't', 'z' -> line.append(Texts.text(bytes, from, visibleEnd(bytes, from, to)));
      case 'b' -> line.append("0x").append(Texts.hex(bytes, from, to));
      case 'v' -> {
        strings(line, bytes, from, to);
        return;
      }
      case 'g' -> {
        for (int at = from; at < to; at += 4) {
          line.append((int) TokenCursor.u32(bytes, at)).append(',');
        }
        return;
      }
      case 'd' -> data(line, bytes, from, to);
      case 'i' -> line.append(Texts.uuid(bytes, from));
      case 'a' -> line.append(from < to ? texts.address(bytes, from, to) : "invalid");
      case 'y', 'w' -> {
        return;
      }
      default -> line.append(Long.toUnsignedString(number));
    }
    line.append(',');
  }

  private static void hex(StringBuilder line, long number, int kind) {
    line.append("0x");
    if (kind == TokenLayout.U1 && number < 16) {
      line.append('0');
    }
    line.append(Long.toHexString(number));
  }

  private void strings(StringBuilder line, byte[] bytes, int from, int to) {
    for (int at = from; at < to; ) {
      int end = TokenCursor.terminator(bytes, at, to);
      line.append(Texts.text(bytes, at, end)).append(',');
      at = end + 1;
    }
  }

  private static void data(StringBuilder line, byte[] bytes, int from, int to) {
    int form = bytes[from - 3] & 0xff;
    int unit = bytes[from - 2];
    line.append(FieldBuilder.printForm(form))
        .append(',')
        .append(FieldBuilder.unit(unit))
        .append(',')
        .append(bytes[from - 1] & 0xff)
        .append(',');
    if (unit == 0 && form == 4) {
      line.append(new String(bytes, from, to - from, StandardCharsets.ISO_8859_1));
      return;
    }
    for (int at = from; at < to; at += 1 << unit) {
      long number = 0;
      for (int index = 0; index < 1 << unit; index++) {
        number = number << 8 | (bytes[at + index] & 0xff);
      }
      line.append(' ')
          .append(
              form == 1
                  ? Long.toOctalString(number)
                  : form == 2 ? Long.toUnsignedString(number) : Long.toHexString(number));
    }
  }

  private static int visibleEnd(byte[] bytes, int from, int to) {
    return to > from && bytes[to - 1] == 0 ? to - 1 : to;
  }
}
