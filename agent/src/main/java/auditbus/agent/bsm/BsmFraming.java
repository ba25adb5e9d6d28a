// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.bsm;

import auditbus.agent.event.Framing;

/**
 * Cuts a BSM trail into records (BSM is self-delimiting: header and trailer both tell the length).
 *
 * <pre>
 *  record, big-endian             0x14, 0x15, 0x74 or 0x79 (header, header_ex, 64 bit forms)
 *                                 u32 length of the record, header and trailer included
 *                                 ... at least the rest of the shortest such header
 *                                 0x13 0xb1 0x05, u32 the same length
 *  file token (Solaris),          0x11, u32 seconds, u32 milli- or microseconds,
 *  between records only           u16 n, n bytes of name, the last 0x00
 * </pre>
 *
 * <p>Whatever is neither is junk, up to the next whole record or 64 KiB, whichever comes first. A
 * record counts as whole by its header and trailer; what its tokens say is the decoder's business.
 *
 * <p>A header whose trailer is not there yet is waited for only if it is likely: version 1 to 4, 10
 * or 11, address type 4 or 16, fraction of a second below 10^9, as far as these are there. With its
 * trailer an unlikely one counts, too, unless that could be told only by having waited: it must end
 * within 64 KiB of where its frame begins and hold no other record.
 *
 * <p>At the end of a trail a header may still wait for what never comes, with records behind it: it
 * is torn, or its length is damaged. Torn records may hold bytes that look like records: somebody's
 * argument list. So what is behind counts as records only if record by record it leads to the very
 * end; or to one more torn header, provided that it begins where a trailer closes the waiting
 * record, whose length alone is damaged then. A forged list of records in a torn record shows
 * neither, unless its writer had the machine crash just behind it, or within and knew how far from
 * the record's begin it stands.
 *
 * <p>Work is bounded: whether a record begins at a byte is told from at most 50 bytes, whatever
 * length it declares (64 KiB if its header is unlikely and its trailer is there), and a call looks
 * at no byte behind the piece it finds; so a megabyte of header bytes costs no more than a megabyte
 * of anything. A call that cannot tell yet looks at up to 64 Ki positions again, and the end of a
 * trail at all that is left.
 */
public final class BsmFraming implements Framing {
  /**
   * 1 MiB: the largest {@code aq_bufsz} FreeBSD's kernel takes (AQ_MAXBUFSZ), which no record of it
   * exceeds. Records of libbsm end at 32,767 bytes.
   */
  static final int MAX_RECORD_BYTES = 1 << 20;

  /** Longest piece of junk. */
  static final int MAX_JUNK_BYTES = 1 << 16;

  static final int TRAILER_BYTES = 7;

  static final int FILE = 0x11;
  static final int TRAILER = 0x13;
  static final int HEADER32 = 0x14;
  static final int HEADER32_EX = 0x15;
  static final int HEADER64 = 0x74;
  static final int HEADER64_EX = 0x79;

  private static final int TRAILER_MAGIC = 0x13b105;
  private static final int FILE_HEAD_BYTES = 11;

  /** MAXPATHLEN, the closing 0x00 included. */
  private static final int MAX_FILE_NAME_BYTES = 1024;

  private static final int MAX_MICROSECONDS = 999_999;
  private static final int MAX_NANOSECONDS = 999_999_999;

  private static final int VERSION_AT = 5;

  /** Behind length, version, event and modifier: the address of an _EX header, else the time. */
  private static final int HEADER_HEAD_BYTES = 10;

  @Override
  public int maxRecordBytes() {
    return MAX_RECORD_BYTES;
  }

  @Override
  public int frameEnd(byte[] bytes, int start, int limit, boolean continued) {
    if (start >= limit) {
      return 0;
    }
    int end = recordEnd(bytes, start, start, limit);
    if (end < 0 && bytes[start] == FILE) {
      end = fileEnd(bytes, start, limit);
    }
    return end >= 0 ? end : junkEnd(bytes, start, limit);
  }

  /** Never: where a frame ends is told from its own bytes, so it may be resumed at any. */
  @Override
  public boolean continues(byte last) {
    return false;
  }

  @Override
  public int tornEnd(byte[] bytes, int start, int limit) {
    int closed = closedEnd(bytes, start, limit);
    int from = limit;
    while (from - start > TRAILER_BYTES) {
      int length = trailerLength(bytes, from - TRAILER_BYTES);
      if (length <= 0 || length >= from - start) {
        break;
      }
      if (trailedEnd(bytes, from - length, from) != from) {
        break;
      }
      from -= length;
    }
    return Math.min(closed, from);
  }

  /**
   * Where the record that is waited for ends by its trailer, if from there records lead to the end
   * or to one more torn header; else the end.
   */
  private static int closedEnd(byte[] bytes, int start, int limit) {
    int waiting = waitingHeader(bytes, start, limit);
    for (int end = waiting + HEADER_HEAD_BYTES + TRAILER_BYTES; end < limit; end++) {
      if (bytes[end - TRAILER_BYTES] == TRAILER
          && trailerLength(bytes, end - TRAILER_BYTES) == end - waiting
          && leadsOn(bytes, end, limit)) {
        return end;
      }
    }
    return limit;
  }

  /** The first position that may be a record's begin for all that is there, or the end. */
  private static int waitingHeader(byte[] bytes, int start, int limit) {
    for (int at = start; at < limit; at++) {
      if (recordEnd(bytes, start, at, limit) == 0) {
        return at;
      }
    }
    return limit;
  }

  /** Whether nothing but records follows, up to the end or a header that waits for more. */
  private static boolean leadsOn(byte[] bytes, int start, int limit) {
    int at = start;
    while (at < limit) {
      int end = recordEnd(bytes, at, at, limit);
      if (end < 0 && bytes[at] == FILE) {
        end = fileEnd(bytes, at, limit);
      }
      if (end <= 0) {
        return end == 0;
      }
      at = end;
    }
    return true;
  }

  @Override
  public String fault(byte[] bytes, int start, int end) {
    int there = end - start;
    int id = bytes[start] & 0xff;
    if (id == FILE) {
      return there < FILE_HEAD_BYTES
          ? "a file token torn after " + there + " bytes, wanted at least " + FILE_HEAD_BYTES
          : "byte 0: a file token (0x11), but its name is not of 1 to "
              + MAX_FILE_NAME_BYTES
              + " bytes, the last 0x00";
    }
    int shortest = shortestRecord(id);
    if (shortest < 0) {
      return "byte 0: found 0x%02x, wanted a record header (0x14, 0x15, 0x74, 0x79)".formatted(id);
    }
    if (there < 5) {
      return "a record header torn after " + there + " bytes, wanted at least " + shortest;
    }
    long declared = u32(bytes, start + 1) & 0xffff_ffffL;
    if (declared < shortest || declared > MAX_RECORD_BYTES) {
      return "byte 1: found a record length of "
          + declared
          + " bytes, wanted "
          + shortest
          + " to "
          + MAX_RECORD_BYTES;
    }
    if (declared > there) {
      return "byte 1: found a record length of "
          + declared
          + " bytes, but after "
          + there
          + " bytes the piece ends (torn, or the next whole record begins)";
    }
    int at = (int) declared - TRAILER_BYTES;
    if (trailerLength(bytes, start + at) == declared) {
      return "byte "
          + VERSION_AT
          + ": an unlikely header (version %d), and the record holds others or ends beyond %d bytes"
              .formatted(bytes[start + VERSION_AT] & 0xff, MAX_JUNK_BYTES);
    }
    StringBuilder found = new StringBuilder();
    for (int index = 0; index < TRAILER_BYTES; index++) {
      found.append("%02x".formatted(bytes[start + at + index] & 0xff));
    }
    return "byte %d: found %s, wanted the trailer 13b105%08x".formatted(at, found, declared);
  }

  /**
   * The position after the record at {@code at} in the frame that begins at {@code start}; 0 if it
   * takes more bytes to tell; -1 if no record begins there.
   */
  private static int recordEnd(byte[] bytes, int start, int at, int limit) {
    int end = trailedEnd(bytes, at, limit);
    if (end < 0 || isLikely(bytes, at, limit)) {
      return end;
    }
    // Had its end not been there, it would not have been waited for: so it counts only where the
    // answer would have been to wait.
    return end > 0 && end - start <= MAX_JUNK_BYTES && !holdsRecord(bytes, at + 1, end) ? end : -1;
  }

  /** Like {@link #recordEnd}, by length and trailer alone. */
  private static int trailedEnd(byte[] bytes, int start, int limit) {
    int shortest = shortestRecord(bytes[start]);
    if (shortest < 0) {
      return -1;
    }
    int there = limit - start;
    if (there < 5) {
      return 0;
    }
    int length = u32(bytes, start + 1);
    if (length < shortest || length > MAX_RECORD_BYTES) {
      return -1;
    }
    if (there < length) {
      return 0;
    }
    int end = start + length;
    return trailerLength(bytes, end - TRAILER_BYTES) == length ? end : -1;
  }

  /** Whether what is there of a header is as known systems write it. */
  private static boolean isLikely(byte[] bytes, int start, int limit) {
    int there = limit - start;
    if (there <= VERSION_AT) {
      return true;
    }
    int version = bytes[start + VERSION_AT];
    if (version < 1 || version > 11 || (version > 4 && version < 10)) {
      return false;
    }
    int id = bytes[start];
    int at = HEADER_HEAD_BYTES;
    if (id == HEADER32_EX || id == HEADER64_EX) {
      if (there < at + 4) {
        return true;
      }
      int addressBytes = u32(bytes, start + at);
      if (addressBytes != 4 && addressBytes != 16) {
        return false;
      }
      at += 4 + addressBytes;
    }
    boolean wide = id == HEADER64 || id == HEADER64_EX;
    int fraction = start + at + (wide ? 12 : 4);
    if (fraction + 4 > limit) {
      return true;
    }
    int nanoseconds = u32(bytes, fraction);
    return nanoseconds >= 0
        && nanoseconds <= MAX_NANOSECONDS
        && (!wide || u32(bytes, fraction - 4) == 0);
  }

  /** Whether header and trailer of a record stand in a range. */
  private static boolean holdsRecord(byte[] bytes, int start, int limit) {
    for (int at = start; at < limit; at++) {
      if (shortestRecord(bytes[at]) > 0 && trailedEnd(bytes, at, limit) > 0) {
        return true;
      }
    }
    return false;
  }

  /** Like {@link #recordEnd}, for a file token. */
  private static int fileEnd(byte[] bytes, int start, int limit) {
    int there = limit - start;
    if (there < FILE_HEAD_BYTES) {
      return 0;
    }
    int fraction = u32(bytes, start + 5);
    int name = u16(bytes, start + 9);
    if (fraction < 0 || fraction > MAX_MICROSECONDS || name < 1 || name > MAX_FILE_NAME_BYTES) {
      return -1;
    }
    int end = start + FILE_HEAD_BYTES + name;
    if (end > limit) {
      return 0;
    }
    return bytes[end - 1] == 0 ? end : -1;
  }

  private static int junkEnd(byte[] bytes, int start, int limit) {
    int longest = Math.min(limit - start, MAX_JUNK_BYTES) + start;
    for (int at = start + 1; at < longest; at++) {
      if (shortestRecord(bytes[at]) > 0) {
        int end = recordEnd(bytes, start, at, limit);
        if (end >= 0) {
          return end == 0 ? 0 : ~at;
        }
      }
    }
    return longest - start == MAX_JUNK_BYTES ? ~longest : 0;
  }

  /** Bytes of the shortest record with a header of this kind, or -1 if it is no header's. */
  private static int shortestRecord(int id) {
    return switch (id) {
      case HEADER32 -> 18 + TRAILER_BYTES;
      case HEADER32_EX -> 22 + TRAILER_BYTES;
      case HEADER64 -> 26 + TRAILER_BYTES;
      case HEADER64_EX -> 30 + TRAILER_BYTES;
      default -> -1;
    };
  }

  /** The length a trailer repeats, or 0 if there is no trailer. */
  private static int trailerLength(byte[] bytes, int at) {
    return u32(bytes, at) >>> 8 == TRAILER_MAGIC ? u32(bytes, at + 3) : 0;
  }

  private static int u16(byte[] bytes, int at) {
    return (bytes[at] & 0xff) << 8 | (bytes[at + 1] & 0xff);
  }

  private static int u32(byte[] bytes, int at) {
    return bytes[at] << 24
        | (bytes[at + 1] & 0xff) << 16
        | (bytes[at + 2] & 0xff) << 8
        | (bytes[at + 3] & 0xff);
  }
}
