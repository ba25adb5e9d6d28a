// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import auditbus.schemas.EncodedFields;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The arguments of an event's EXECVE records, put together.
 *
 * <pre>
 *  argc=N a0="x" a1=HEX ...                   each argument once, in order
 *  aN_len=L aN[0]="..." aN[1]="..." ...       one that did not fit, over several records
 * </pre>
 *
 * <p>Records hold 7,500 bytes of arguments; a new one starts only where the last is full. Kernels
 * leave empty arguments out. So a missing argument was empty where no record can have been lost: in
 * the middle of a record, or behind one that had room left. Pieces are put in order by their
 * number, whatever order their records came in. L is exact only for arguments that were not fetched
 * in several steps: each further step doubles it.
 */
final class Arguments {
  /** A record of at least this many bytes may have been followed by another. */
  private static final int FULL_RECORD_BYTES = 7_000;

  /** Hex digits of an argument that took more than one fetch. */
  private static final int FETCH_DIGITS = 2 * 7_500;

  private static final int WHOLE = -1;

  /** One {@code aN=} or {@code aN[i]=}: where its text stands and in which record. */
  @SuppressWarnings("ArrayRecordComponent") // the record's bytes, which nobody writes to
  private record Piece(int record, byte[] bytes, int from, int to, boolean quoted) {
    boolean isLiteral() {
      return !quoted && to > from && bytes[from] == '(';
    }
  }

  private final NavigableMap<Integer, NavigableMap<Integer, Piece>> pieces = new TreeMap<>();
  private final Map<Integer, Long> lengths = new HashMap<>();
  private final List<Boolean> full = new ArrayList<>();
  private long count = -1;
  private int countRecord;

  private Arguments() {}

  /** True if the event has no EXECVE records, or all arguments that argc= counts are there. */
  static boolean addUp(List<LinuxRecord> records) {
    int found = 0;
    LinuxRecord execve = null;
    for (int index = 0; index < records.size(); index++) {
      LinuxRecord record = records.get(index);
      if (record.type().number() == RecordType.EXECVE) {
        found++;
        execve = record;
      }
    }
    return found == 0 || (found == 1 && isPlain(execve)) || of(records).addUp();
  }

  /** The common case: one record, every argument in it. */
  private static boolean isPlain(LinuxRecord record) {
    EncodedFields fields = record.fields();
    if (fields.size() == 0 || !fields.nameAt(0).equals("argc")) {
      return false;
    }
    long wanted = Numbers.decimal(fields.bytes(), fields.valueFrom(0), fields.valueTo(0));
    if (wanted != fields.size() - 1) {
      return false;
    }
    for (int index = 1; index <= wanted; index++) {
      String name = fields.nameAt(index);
      if (name.length() < 2
          || name.charAt(0) != 'a'
          || Numbers.decimal(name.substring(1)) != index - 1) {
        return false;
      }
    }
    return true;
  }

  /** Reads the EXECVE records among an event's records. */
  static Arguments of(List<LinuxRecord> records) {
    Arguments arguments = new Arguments();
    for (LinuxRecord record : records) {
      if (record.type().number() == RecordType.EXECVE) {
        arguments.read(record.source().raw());
      }
    }
    return arguments;
  }

  /** An argument's bytes; empty if it is not there or a piece of it is missing. */
  Optional<byte[]> argument(int index) {
    NavigableMap<Integer, Piece> parts = pieces.get(index);
    if (parts == null || !isWhole(index, parts)) {
      return Optional.empty();
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (Piece part : parts.values()) {
      int length = part.to - part.from;
      if (part.quoted || part.isLiteral() || (length & 1) != 0) {
        bytes.write(part.bytes, part.from, length);
      } else {
        for (int at = part.from; at < part.to; at += 2) {
          char high = (char) part.bytes[at];
          char low = (char) part.bytes[at + 1];
          if (!HexFormat.isHexDigit(high) || !HexFormat.isHexDigit(low)) {
            return Optional.empty();
          }
          bytes.write(HexFormat.fromHexDigit(high) << 4 | HexFormat.fromHexDigit(low));
        }
      }
    }
    return Optional.of(bytes.toByteArray());
  }

  private boolean addUp() {
    if (count < 0 || (!pieces.isEmpty() && pieces.lastKey() >= count)) {
      return false;
    }
    int next = 0;
    int record = countRecord;
    for (var entry : pieces.entrySet()) {
      NavigableMap<Integer, Piece> parts = entry.getValue();
      if (!isWhole(entry.getKey(), parts)) {
        return false;
      }
      boolean sameRecord = parts.firstEntry().getValue().record == record;
      if (entry.getKey() != next && !sameRecord) {
        return false;
      }
      next = entry.getKey() + 1;
      record = parts.lastEntry().getValue().record;
    }
    return next == count || !full.get(record);
  }

  private boolean isWhole(int argument, NavigableMap<Integer, Piece> parts) {
    if (parts.firstKey() == WHOLE) {
      return parts.size() == 1;
    }
    if (parts.firstKey() != 0 || parts.lastKey() != parts.size() - 1) {
      return false;
    }
    long found = 0;
    for (Piece part : parts.values()) {
      if (part.isLiteral()) {
        return true; // the kernel could not read it and its length says nothing
      }
      found += part.to - part.from;
    }
    long declared = lengths.getOrDefault(argument, -1L);
    while (declared > found && found >= FETCH_DIGITS && (declared & 1) == 0) {
      declared /= 2;
    }
    return declared == found;
  }

  private void read(byte[] line) {
    int record = full.size();
    full.add(line.length >= FULL_RECORD_BYTES);
    int from = 0;
    for (int at = 0; at <= line.length; at++) {
      byte b = at < line.length ? line[at] : (byte) ' ';
      if (b == ' ' || b == '\n' || b == 0x1d) {
        readWord(record, line, from, at);
        from = at + 1;
      }
      if (b == 0x1d) {
        return;
      }
    }
  }

  private void readWord(int record, byte[] line, int from, int to) {
    int equals = from;
    while (equals < to && line[equals] != '=') {
      equals++;
    }
    if (equals == to || line[from] != 'a') {
      return;
    }
    if (equals - from == 4 && line[from + 1] == 'r') {
      if (count < 0) {
        count = Numbers.decimal(line, equals + 1, to);
        countRecord = record;
      }
      return;
    }
    int digits = from + 1;
    while (digits < equals && line[digits] >= '0' && line[digits] <= '9') {
      digits++;
    }
    long argument = Numbers.decimal(line, from + 1, digits);
    if (argument < 0 || argument > Integer.MAX_VALUE) {
      return;
    }
    if (digits < equals && line[digits] == '_') {
      lengths.putIfAbsent((int) argument, Numbers.decimal(line, equals + 1, to));
      return;
    }
    long index =
        digits == equals
            ? WHOLE
            : line[digits] == '[' ? Numbers.decimal(line, digits + 1, equals - 1) : -2;
    if (index < WHOLE || index > Integer.MAX_VALUE || (digits < equals && index == WHOLE)) {
      return;
    }
    int valueFrom = equals + 1;
    boolean quoted = to - valueFrom >= 2 && line[valueFrom] == '"' && line[to - 1] == '"';
    pieces
        .computeIfAbsent((int) argument, key -> new TreeMap<>())
        .putIfAbsent(
            (int) index,
            new Piece(
                record, line, quoted ? valueFrom + 1 : valueFrom, quoted ? to - 1 : to, quoted));
  }
}
