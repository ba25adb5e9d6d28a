// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.util.HexFormat;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;
import java.util.function.IntPredicate;
import java.util.function.Predicate;

/**
 * Finds the signals sent to some processes in audit text, line by line:
 *
 * <pre>
 *   type=SYSCALL msg=audit(1795170536.300:66): arch=c000003e syscall=62 success=yes exit=0 a0=4cf0 a1=12 …
 *   type=OBJ_PID msg=audit(1795170536.300:66): opid=19696 oauid=-1 ouid=0 …
 * </pre>
 *
 * <p>Only a line that starts so counts, after {@code node=NAME } if a node is written; both lines
 * must have the same stamp and node, the SYSCALL first, other events may stand between. All other
 * lines are passed over at about one look per twelve bytes.
 *
 * <p>At most so many calls are remembered; the oldest is forgotten first, and counted if no target
 * of it was seen. Not thread-safe.
 */
final class KillFinder {
  private static final byte[] SYSCALL = ascii("type=SYSCALL");
  private static final byte[] OBJ_PID = ascii("type=OBJ_PID");
  private static final int WORD = SYSCALL.length;
  private static final byte[] SKIP = skips();

  private static final byte[] NODE = ascii("node=");
  private static final byte[] STAMP = ascii(" msg=audit(");
  private static final int MOST_NODE_BYTES = 300;
  private static final int MOST_STAMP_BYTES = 48;
  private static final int MOST_DIGITS = 18;

  private static final byte[] ARCH = ascii("arch=");
  private static final byte[] NUMBER = ascii("syscall=");
  private static final byte[] SUCCESS = ascii("success=");
  private static final byte[] A0 = ascii("a0=");
  private static final byte[] A1 = ascii("a1=");
  private static final byte[] A2 = ascii("a2=");
  private static final byte[] A3 = ascii("a3=");
  private static final byte[] PID = ascii("pid=");
  private static final byte[] AUID = ascii("auid=");
  private static final byte[] UID = ascii("uid=");
  private static final byte[] EUID = ascii("euid=");
  private static final byte[] SESSION = ascii("ses=");
  private static final byte[] OPID = ascii("opid=");
  private static final byte[] OUID = ascii("ouid=");

  private static final long UNSET = 4294967295L;

  private final IntPredicate isOurs;
  private final Predicate<String> isOurNode;
  private final int mostCalls;
  private final Map<String, Call> calls = new LinkedHashMap<>();
  private final FieldReader fields = new FieldReader();
  private long evicted;
  private long unmatched;
  private long malformed;

  /** A SYSCALL record, until its targets are known. */
  private static final class Call {
    final int arch;
    final int number;
    final int signal;
    final boolean succeeded;
    final boolean forMany;
    final int pid;
    final long auid;
    final long uid;
    final long euid;
    final long session;
    boolean hasTarget;
    boolean told;

    Call(
        int arch,
        int number,
        int signal,
        boolean succeeded,
        boolean forMany,
        int pid,
        long auid,
        long uid,
        long euid,
        long session) {
      this.arch = arch;
      this.number = number;
      this.signal = signal;
      this.succeeded = succeeded;
      this.forMany = forMany;
      this.pid = pid;
      this.auid = auid;
      this.uid = uid;
      this.euid = euid;
      this.session = session;
    }

    /** What kill(2) allows: one's own processes, and all of them for root. */
    boolean reached(long targetUid) {
      return succeeded && (!forMany || uid == targetUid || euid == targetUid || euid == 0);
    }
  }

  /**
   * Makes a finder.
   *
   * @param isOurs whether an {@code opid=} is one of the processes (or threads) asked for
   * @param isOurNode whether a {@code node=} is this host; asked with "" for lines without one
   * @param mostCalls how many calls are remembered while their targets are awaited
   */
  KillFinder(IntPredicate isOurs, Predicate<String> isOurNode, int mostCalls) {
    if (mostCalls < 1) {
      throw new IllegalArgumentException("at least one call must be remembered, not " + mostCalls);
    }
    this.isOurs = isOurs;
    this.isOurNode = isOurNode;
    this.mostCalls = mostCalls;
  }

  /** Looks through bytes that begin at the start of a line and end at the end of one. */
  void scan(byte[] bytes, int from, int to, Consumer<KillEvent> found) {
    for (int at = nextWord(bytes, from, to); at >= 0; at = nextWord(bytes, at + WORD, to)) {
      int stamp = at + WORD + STAMP.length;
      if (startsWith(bytes, at + WORD, to, STAMP)) {
        int line = lineStart(bytes, from, at);
        int end = line < 0 ? -1 : stampEnd(bytes, stamp, to);
        if (end < 0) {
          continue;
        }
        fields.start(bytes, end + 3, to);
        if (bytes[at + WORD - 1] == 'L') {
          call(bytes, line, at, stamp, end);
        } else {
          target(bytes, line, at, stamp, end, found);
        }
      }
    }
  }

  /** Calls that had to be forgotten before a target of theirs was seen. */
  long evicted() {
    return evicted;
  }

  /** Signals to us whose SYSCALL record was not seen: nobody can say who sent them. */
  long unmatched() {
    return unmatched;
  }

  /** SYSCALL records of calls that send a signal, with fields missing. */
  long malformed() {
    return malformed;
  }

  private void call(byte[] bytes, int line, int at, int stamp, int end) {
    if (!fields.isNext(ARCH)) {
      return;
    }
    long arch = fields.hexadecimal();
    if (arch == FieldReader.NONE || !fields.isNext(NUMBER)) {
      return;
    }
    long number = fields.decimal();
    Optional<SignalCall> call = SignalCall.of((int) arch, (int) number);
    if (number < 0 || call.isEmpty() || !isOurNode.test(node(bytes, line, at))) {
      return;
    }
    boolean succeeded = fields.find(SUCCESS) && fields.word().equals("yes");
    long a0 = fields.hexadecimal(A0);
    long a1 = fields.hexadecimal(A1);
    long a2 = fields.hexadecimal(A2);
    long a3 = fields.hexadecimal(A3);
    long pid = fields.decimal(PID);
    long auid = fields.decimal(AUID);
    long uid = fields.decimal(UID);
    long euid = fields.decimal(EUID);
    if (pid < 0 || auid == FieldReader.NONE || uid < 0 || euid < 0) {
      malformed++;
      return;
    }
    long session = fields.decimal(SESSION);
    remember(
        key(bytes, line, at, stamp, end),
        new Call(
            (int) arch,
            (int) number,
            call.get().signal(a1, a2),
            succeeded,
            call.get().isForMany(a0, a3),
            (int) pid,
            auid,
            uid,
            euid,
            session));
  }

  private void remember(String key, Call call) {
    calls.putIfAbsent(key, call);
    if (calls.size() > mostCalls) {
      Iterator<Call> oldest = calls.values().iterator();
      evicted += oldest.next().hasTarget ? 0 : 1;
      oldest.remove();
    }
  }

  private void target(
      byte[] bytes, int line, int at, int stamp, int end, Consumer<KillEvent> found) {
    long pid = fields.isNext(OPID) ? fields.decimal() : FieldReader.NONE;
    if (pid <= 0 || pid > Integer.MAX_VALUE) {
      return;
    }
    boolean ours = isOurs.test((int) pid);
    if (!ours && calls.isEmpty()) {
      return;
    }
    Call call = calls.get(key(bytes, line, at, stamp, end));
    if (call != null) {
      call.hasTarget = true;
    }
    if (!ours || !isOurNode.test(node(bytes, line, at))) {
      return;
    }
    if (call == null) {
      unmatched++;
    } else if (!call.told) {
      call.told = true;
      found.accept(event(bytes, stamp, end, call, fields.decimal(OUID)));
    }
  }

  private static KillEvent event(byte[] bytes, int stamp, int end, Call call, long targetUid) {
    String text = new String(bytes, stamp, end - stamp, ISO_8859_1);
    int dot = text.indexOf('.');
    int colon = text.indexOf(':');
    return new KillEvent(
        text,
        Long.parseLong(text, 0, dot, 10) * 1000 + Long.parseLong(text, dot + 1, colon, 10),
        Long.parseLong(text, colon + 1, text.length(), 10),
        call.signal,
        call.reached(targetUid),
        unlessUnset(call.auid),
        call.uid,
        unlessUnset(call.session),
        call.pid,
        HexFormat.of().toHexDigits(call.arch),
        call.number);
  }

  private static OptionalLong unlessUnset(long id) {
    return id < 0 || id == UNSET ? OptionalLong.empty() : OptionalLong.of(id);
  }

  /** Where the line starts, if the word at a position is its type; else -1. */
  private static int lineStart(byte[] bytes, int from, int at) {
    if (at == from || bytes[at - 1] == '\n') {
      return at;
    }
    if (bytes[at - 1] != ' ') {
      return -1;
    }
    int least = Math.max(from, at - MOST_NODE_BYTES);
    int i = at - 2;
    while (i >= least && bytes[i] != ' ' && bytes[i] != '\n') {
      i--;
    }
    int start = i + 1;
    boolean line = start == from || (i >= from && bytes[i] == '\n');
    return line && startsWith(bytes, start, at, NODE) ? start : -1;
  }

  private static String node(byte[] bytes, int line, int at) {
    return line == at
        ? ""
        : new String(bytes, line + NODE.length, at - 1 - line - NODE.length, ISO_8859_1);
  }

  private static String key(byte[] bytes, int line, int at, int stamp, int end) {
    String text = new String(bytes, stamp, end - stamp, ISO_8859_1);
    return line == at ? text : node(bytes, line, at) + ' ' + text;
  }

  /** Where a stamp {@code DIGITS.DIGITS:DIGITS} ends, if {@code "): "} follows it; else -1. */
  private static int stampEnd(byte[] bytes, int from, int to) {
    int i = digits(bytes, from, to);
    if (i == from || i >= to || bytes[i] != '.') {
      return -1;
    }
    int millis = i + 1;
    i = digits(bytes, millis, to);
    if (i != millis + 3 || i >= to || bytes[i] != ':') {
      return -1;
    }
    int serial = i + 1;
    i = digits(bytes, serial, to);
    boolean whole =
        i > serial
            && i - from <= MOST_STAMP_BYTES
            && i + 2 < to
            && bytes[i] == ')'
            && bytes[i + 1] == ':'
            && bytes[i + 2] == ' ';
    return whole ? i : -1;
  }

  private static int digits(byte[] bytes, int from, int to) {
    int i = from;
    while (i < to && bytes[i] >= '0' && bytes[i] <= '9' && i - from < MOST_DIGITS) {
      i++;
    }
    return i;
  }

  /**
   * Where one of the two words stands next, or -1. By Horspool's method for two words of one
   * length: the byte where a word would end says how far the next one can be.
   */
  private static int nextWord(byte[] bytes, int from, int to) {
    int i = from + WORD - 1;
    while (i < to) {
      byte last = bytes[i];
      if ((last == 'L' && startsWith(bytes, i - WORD + 1, to, SYSCALL))
          || (last == 'D' && startsWith(bytes, i - WORD + 1, to, OBJ_PID))) {
        return i - WORD + 1;
      }
      i += SKIP[last & 0xFF];
    }
    return -1;
  }

  private static byte[] skips() {
    byte[] skips = new byte[256];
    java.util.Arrays.fill(skips, (byte) WORD);
    for (int i = 0; i < WORD - 1; i++) {
      skips[SYSCALL[i]] = (byte) Math.min(skips[SYSCALL[i]], WORD - 1 - i);
      skips[OBJ_PID[i]] = (byte) Math.min(skips[OBJ_PID[i]], WORD - 1 - i);
    }
    return skips;
  }

  static boolean startsWith(byte[] bytes, int at, int limit, byte[] text) {
    if (limit - at < text.length) {
      return false;
    }
    for (int i = 0; i < text.length; i++) {
      if (bytes[at + i] != text[i]) {
        return false;
      }
    }
    return true;
  }

  private static byte[] ascii(String text) {
    return text.getBytes(ISO_8859_1);
  }
}
