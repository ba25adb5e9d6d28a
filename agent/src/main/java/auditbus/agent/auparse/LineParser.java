// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import auditbus.agent.auparse.LinuxRecord.Stamp;
import auditbus.agent.event.TrailRecord;
import auditbus.agent.event.Words;
import auditbus.schemas.EncodedFields;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * Reads one line of audit text:
 *
 * <pre>
 *  [node=N ]type=T msg=audit(SEC.MMM:SERIAL): k=v k="v" ... [0x1D K="v" ...]
 *                                             user space:  pid= uid= auid= ses= [subj=] msg='k=v ...'
 *  type=DAEMON msg=auditd(SEC) text                        the audit daemon of 2005
 * </pre>
 *
 * <p>The kernel quotes a string whose bytes are all 0x21-0x7E and none a quote, and writes any
 * other in upper-case hex without quotes; after 0x1D stands what auditd resolved (ENRICHED), under
 * upper-case names. Whoever may send user messages writes everything between the quotes of {@code
 * msg='...'}, quotes included: it reaches to the last quote that ends the line or stands before
 * 0x1D, and what is inside is kept under {@code msg.NAME}.
 *
 * <p>What cannot be read is UNPARSED; nothing throws. Not thread-safe.
 */
final class LineParser {
  private static final byte SEPARATOR = 0x1d;
  private static final long SEPARATORS = Words.repeat(SEPARATOR);
  // The last second of the year 9999; beyond it is damage, and microseconds would overflow later.
  private static final long MAX_SECONDS = 253_402_300_799L;
  private static final long MAX_SERIAL = 0xffff_ffffL;
  private static final int MAX_TYPE_LENGTH = 64;

  private static final byte[] NODE = ascii("node=");
  private static final byte[] TYPE = ascii("type=");
  private static final byte[] KERNEL_STAMP = ascii("msg=audit(");
  private static final byte[] LEGACY_STAMP = ascii("msg=auditd(");
  private static final byte[] ACCESS_VECTOR = ascii("avc:");
  private static final byte[] RESULT = ascii(" res=");
  private static final byte[] TEXT = ascii("text");
  private static final byte[] ACCESS_RESULT = ascii("seresult");
  private static final byte[] ACCESS_PERMISSIONS = ascii("seperms");
  private static final char KEY_SEPARATOR = '\u0001';

  private final FieldNames names = new FieldNames();
  private final FieldDecoder decoder = new FieldDecoder();
  private final EncodedFields.Builder fields = new EncodedFields.Builder();

  private Stamp last;

  // The line being read.
  private byte[] line;
  private int lineEnd;
  private boolean ascii;
  private RecordType type;
  private long number;
  private int at;
  private int separator;
  private String node;
  private long seconds;
  private int milliseconds;
  private long serial;
  private List<String> escaped = List.of();
  private List<String> keys = List.of();

  // Where the value last read stands.
  private int valueFrom;
  private int valueTo;
  private boolean quoted;

  LinuxRecord parse(TrailRecord record) {
    if (!record.whole() || !start(record.raw()) || !readHead()) {
      line = null;
      return LinuxRecord.unparsed(record);
    }
    if (separator < at) {
      separator = lineEnd; // inside the node's name
    }
    readFields(at, separator, false);
    // msg='...' may have moved the separator to where it really is.
    readEnriched(separator + 1, lineEnd);
    LinuxRecord parsed = new LinuxRecord(record, type, stamp(), fields.build(), escaped, keys);
    line = null;
    return parsed;
  }

  /** The stamp that was read: the last line's own where it is the same, as it mostly is. */
  private Stamp stamp() {
    Stamp known = last;
    if (known == null
        || known.serial() != serial
        || known.seconds() != seconds
        || known.milliseconds() != milliseconds
        || !Objects.equals(known.node(), node)) {
      known = new Stamp(node, seconds, milliseconds, serial);
      last = known;
    }
    return known;
  }

  /** Finds the line's end and the separator; false for an empty line or one with 0x00 in it. */
  private boolean start(byte[] raw) {
    line = raw;
    int end = raw.length;
    if (end > 0 && raw[end - 1] == '\n') {
      end--;
    }
    if (end > 0 && raw[end - 1] == '\r') {
      end--;
    }
    while (end > 0 && raw[end - 1] == ' ') {
      end--;
    }
    lineEnd = end;
    separator = end;
    at = 0;
    number++;
    fields.clear();
    names.trim();
    escaped = List.of();
    keys = List.of();
    node = null;
    long high = 0;
    long zeros = 0;
    int index = 0;
    for (; index + Long.BYTES <= end; index += Long.BYTES) {
      long word = Words.at(raw, index);
      high |= word;
      zeros |= Words.zeros(word);
      if (Words.zeros(word ^ SEPARATORS) != 0) {
        separator = lastSeparator(index, index + Long.BYTES);
      }
    }
    for (; index < end; index++) {
      byte b = raw[index];
      high |= b;
      zeros |= b == 0 ? 1 : 0;
      if (b == SEPARATOR) {
        separator = index;
      }
    }
    ascii = (high & Words.HIGH_BITS) == 0;
    if (zeros != 0) {
      return false;
    }
    return end > 0;
  }

  private int lastSeparator(int from, int to) {
    int p = to - 1;
    while (p > from && line[p] != SEPARATOR) {
      p--;
    }
    return p;
  }

  private boolean readHead() {
    if (startsWith(NODE)) {
      int from = at + NODE.length;
      int to = endOfWord(from, lineEnd);
      if (to == from || to >= lineEnd) {
        return false;
      }
      node = text(from, to);
      at = to + 1;
    }
    if (!startsWith(TYPE)) {
      return false;
    }
    int from = at + TYPE.length;
    int to = endOfWord(from, lineEnd);
    if (to == from || to - from > MAX_TYPE_LENGTH || to >= lineEnd || !isTypeName(from, to)) {
      return false;
    }
    type = RecordType.named(line, from, to);
    at = to + 1;
    if (startsWith(KERNEL_STAMP)) {
      at += KERNEL_STAMP.length;
      return readStamp();
    }
    if (startsWith(LEGACY_STAMP)) {
      at += LEGACY_STAMP.length;
      return readLegacyStamp();
    }
    return false;
  }

  private boolean readStamp() {
    int dot = find((byte) '.');
    int colon = find((byte) ':');
    int close = find((byte) ')');
    if (dot < 0 || colon != dot + 4 || close < colon) {
      return false;
    }
    seconds = Numbers.decimal(line, at, dot);
    milliseconds = (int) Numbers.decimal(line, dot + 1, colon);
    serial = Numbers.decimal(line, colon + 1, close);
    if (seconds < 0
        || seconds > MAX_SECONDS
        || milliseconds < 0
        || serial < 0
        || serial > MAX_SERIAL) {
      return false;
    }
    at = close + 1;
    if (at >= lineEnd || line[at] != ':') {
      return false;
    }
    at++;
    return true;
  }

  private boolean readLegacyStamp() {
    int close = find((byte) ')');
    if (close < 0) {
      return false;
    }
    seconds = Numbers.decimal(line, at, close);
    milliseconds = 0;
    serial = 0;
    if (seconds < 0 || seconds > MAX_SECONDS) {
      return false;
    }
    at = close + 1;
    if (at < lineEnd && line[at] == ':') {
      at++;
    }
    int from = at;
    while (from < separator && line[from] == ' ') {
      from++;
    }
    putText(TEXT, false, text(from, Math.max(from, separator)));
    return true;
  }

  private void readFields(int from, int limit, boolean inside) {
    int p = from;
    while (p < limit && line[p] == ' ') {
      p++;
    }
    if (p + ACCESS_VECTOR.length < limit && line[p] == 'a' && matches(ACCESS_VECTOR, p)) {
      p = readAccessVector(p + ACCESS_VECTOR.length, limit, inside);
    }
    FieldName previous = names.start(type);
    while (p < limit) {
      // A word with a = in it is a field; others are words of a message and stay in raw.
      FieldName name = previous.successorAt(line, p, limit);
      if (name == null) {
        int nameFrom = p;
        p = endOfName(p, limit);
        if (p >= limit || line[p] == ' ') {
          p++;
          continue;
        }
        if (inside && line[nameFrom] == '(') {
          nameFrom++; // the old (hostname=..., addr=...)
        }
        name = names.find(line, nameFrom, p);
        if (name != null) {
          previous.follow(name);
        }
      } else {
        p += name.length();
      }
      if (name != null) {
        previous = name;
      }
      p++;
      if (name != null && name.kind == FieldName.Kind.MESSAGE && !inside && isQuote(p)) {
        readMessage(name, p + 1);
        return;
      }
      p = readValue(p, limit, !inside);
      if (name != null && name.isFirst(number, inside)) {
        put(name, inside);
        if (name.kind == FieldName.Kind.LABEL && type.isDaemon()) {
          // In auditd's own records only res= follows subj=; anything between is what an earlier
          // message left in its buffer.
          p = lastResult(p - 1, limit);
        }
      }
    }
  }

  private boolean isQuote(int p) {
    return p < lineEnd && line[p] == '\'';
  }

  /** Reads {@code msg='...'} from behind its opening quote. */
  private void readMessage(FieldName name, int from) {
    int close = lineEnd - 1;
    while (close >= from
        && !(line[close] == '\'' && (close + 1 == lineEnd || line[close + 1] == SEPARATOR))) {
      close--;
    }
    // Without a closing quote the record was cut: all the rest is the sender's.
    int to = close < from ? lineEnd : close;
    separator = close < from ? lineEnd : close + 1;
    readFields(from, to, true);
    if (!hasEquals(from, to) && name.isFirst(number, false)) {
      putRange(name.outer, from, to);
    }
  }

  private boolean hasEquals(int from, int to) {
    for (int p = from; p < to; p++) {
      if (line[p] == '=') {
        return true;
      }
    }
    return false;
  }

  /** {@code avc: denied { read write } for }: kept as seresult and seperms, as libauparse does. */
  private int readAccessVector(int from, int limit, boolean inside) {
    int p = from;
    while (p < limit && line[p] == ' ') {
      p++;
    }
    int wordEnd = endOfWord(p, limit);
    int open = wordEnd;
    while (open < limit && line[open] == ' ') {
      open++;
    }
    if (wordEnd == p || open >= limit || line[open] != '{') {
      return from;
    }
    int close = open + 1;
    while (close < limit && line[close] != '}') {
      close++;
    }
    if (close >= limit) {
      return from;
    }
    putText(ACCESS_RESULT, inside, text(p, wordEnd));
    int permissionsFrom = open + 1;
    int permissionsTo = close;
    while (permissionsFrom < permissionsTo && line[permissionsFrom] == ' ') {
      permissionsFrom++;
    }
    while (permissionsTo > permissionsFrom && line[permissionsTo - 1] == ' ') {
      permissionsTo--;
    }
    putText(ACCESS_PERMISSIONS, inside, text(permissionsFrom, permissionsTo).replace(' ', ','));
    return close + 1;
  }

  /** Start of the last {@code res=} of the range, or its end if there is none. */
  private int lastResult(int from, int limit) {
    for (int p = limit - RESULT.length; p >= from; p--) {
      if (line[p] == ' ' && matches(RESULT, p)) {
        return p + 1;
      }
    }
    return limit;
  }

  private void readEnriched(int from, int limit) {
    int p = from;
    FieldName previous = names.enrichedStart(type);
    while (p < limit) {
      FieldName name = previous.successorAt(line, p, limit);
      if (name == null) {
        int nameFrom = p;
        p = endOfName(p, limit);
        if (p >= limit || line[p] == ' ') {
          p++;
          continue;
        }
        name = names.find(line, nameFrom, p);
        if (name != null) {
          previous.follow(name);
        }
      } else {
        p += name.length();
      }
      if (name != null) {
        previous = name;
      }
      p++;
      int brace = p < limit && line[p] == '{' ? endOfBraces(p, limit) : -1;
      if (brace > 0) {
        valueFrom = p;
        valueTo = brace;
        quoted = false;
        p = brace;
      } else {
        p = readValue(p, limit, false);
      }
      if (name != null && name.upperCase && name.isFirst(number, false)) {
        putRange(name.outer, valueFrom, valueTo);
      }
    }
  }

  /** Position of the = that ends a name, of the blank that ends a word, or the limit. */
  private int endOfName(int from, int limit) {
    int p = from;
    for (; p < limit; p++) {
      byte b = line[p];
      if (b == '=' || b == ' ') {
        break;
      }
    }
    return p;
  }

  private int endOfBraces(int from, int limit) {
    for (int p = from; p < limit; p++) {
      if (line[p] == '}') {
        return p + 1;
      }
    }
    return -1;
  }

  /**
   * Finds the value that starts at a position and returns where the next word may start.
   *
   * @param apostrophes whether they quote, too: the kernel's error_msg='...' does, senders of user
   *     messages would hide what follows
   */
  private int readValue(int from, int limit, boolean apostrophes) {
    int p = from;
    byte first = p < limit ? line[p] : 0;
    quoted = first == '"' || (apostrophes && first == '\'');
    if (quoted) {
      p++;
      valueFrom = p;
      p = Words.find(line, p, limit, first);
      valueTo = p;
      // Behind the closing quote only a blank or a comma is expected; the next word is the next.
      p = endOfWord(p, limit);
    } else {
      valueFrom = p;
      p = endOfWord(p, limit);
      valueTo = p;
    }
    return p + 1;
  }

  private void put(FieldName name, boolean inside) {
    EncodedFields.Name text = inside ? name.inner : name.outer;
    if (quoted || !name.isEncoded(type, inside) || !decoder.decodeHex(line, valueFrom, valueTo)) {
      if (!quoted) {
        stripPunctuation(inside);
      }
      putRange(text, valueFrom, valueTo);
      if (name.kind == FieldName.Kind.KEY && type.isCall() && !inside) {
        putKey();
      }
      return;
    }
    switch (name.kind) {
      case COMMAND_LINE -> {
        decoder.separateArguments();
        putDecoded(text);
      }
      case SOCKET_ADDRESS -> {
        String address = decoder.decodedSocketAddress();
        if (address == null) {
          putRange(text, valueFrom, valueTo);
        } else {
          put(text, address);
        }
      }
      case KEY -> {
        String joined = decoder.decoded();
        put(text, joined);
        if (type.isCall()) {
          keys = split(joined);
        }
      }
      case STRING, KERNEL_STRING -> {
        decoder.markAbstractSocket();
        putDecoded(text);
      }
      default -> putDecoded(text);
    }
  }

  /** Puts what was last decoded from hex. */
  private void putDecoded(EncodedFields.Name name) {
    if (decoder.isDecodedAscii()) {
      decoder.putDecoded(fields, name);
    } else {
      put(name, decoder.decoded());
    }
  }

  /** Puts a range of the line. */
  private void putRange(EncodedFields.Name name, int from, int to) {
    if (ascii) {
      fields.put(name, line, from, to);
    } else {
      put(name, decoder.text(line, from, to));
    }
  }

  /** Puts a field that has no name of its own in the line. */
  private void putText(byte[] text, boolean inside, String value) {
    FieldName name = names.find(text, 0, text.length);
    if (name.isFirst(number, inside)) {
      put(inside ? name.inner : name.outer, value);
    }
  }

  private void put(EncodedFields.Name name, String value) {
    fields.put(name, value);
    if (decoder.isEscaped()) {
      if (escaped.isEmpty()) {
        escaped = new ArrayList<>();
      }
      escaped.add(name.text());
    }
  }

  /** {@code pid=18077,} of a message's prose; {@code res=success)} of the old user messages. */
  private void stripPunctuation(boolean inside) {
    if (valueTo > valueFrom && line[valueTo - 1] == ',') {
      valueTo--;
    }
    if (inside && valueTo > valueFrom && line[valueTo - 1] == ')' && line[valueFrom] != '(') {
      valueTo--;
    }
  }

  private void putKey() {
    String key = text(valueFrom, valueTo);
    if (quoted || !key.equals("(null)")) {
      keys = List.of(key);
    }
  }

  private static List<String> split(String joined) {
    List<String> parts = new ArrayList<>();
    int from = 0;
    for (int to = joined.indexOf(KEY_SEPARATOR);
        to >= 0;
        to = joined.indexOf(KEY_SEPARATOR, from)) {
      parts.add(joined.substring(from, to));
      from = to + 1;
    }
    parts.add(joined.substring(from));
    return parts;
  }

  private boolean isTypeName(int from, int to) {
    for (int p = from; p < to; p++) {
      if (line[p] <= ' ' || line[p] > '~') {
        return false;
      }
    }
    return true;
  }

  /** Position of a byte at or behind {@link #at}, or -1. */
  private int find(byte wanted) {
    int found = Words.find(line, at, lineEnd, wanted);
    return found < lineEnd ? found : -1;
  }

  private int endOfWord(int from, int limit) {
    int p = from;
    while (p < limit && line[p] != ' ') {
      p++;
    }
    return p;
  }

  /** A range of the line as text. */
  private String text(int from, int to) {
    return ascii ? decoder.ascii(line, from, to) : decoder.text(line, from, to);
  }

  private boolean startsWith(byte[] word) {
    return at + word.length <= lineEnd && matches(word, at);
  }

  private boolean matches(byte[] word, int position) {
    for (int index = 0; index < word.length; index++) {
      if (line[position + index] != word[index]) {
        return false;
      }
    }
    return true;
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}
