// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import auditbus.schemas.Gap;
import auditbus.schemas.GapState;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;

/**
 * What was published of one host's gaps, so that a gap is published again only when there is news
 * of it.
 *
 * <p>Bounded: beyond {@value #MAX_GAPS} gaps the one not drafted for longest is forgotten, also if
 * the draft was no news. So who drafts all he knows at each look must know fewer than that, and
 * then loses none of them; the next statement of a forgotten gap begins again at revision 0, under
 * the same id.
 *
 * <p>Not thread-safe: the processor owns it.
 */
final class GapLedger {
  static final int MAX_GAPS = 256;

  private static final int PRINT_BYTES = 8;

  private record Published(int revision, boolean open, long openedMs, long print) {}

  private final SequencedMap<String, Published> gaps = new LinkedHashMap<>();

  /**
   * The statement to publish: the draft with its revision and times, or nothing if it says what was
   * said last, or closes what was never published.
   *
   * @param draft all of a gap but {@code opened}, {@code closed} and {@code revision}
   * @param brokerMs broker time of the record that showed it, or wall clock where none did
   */
  Optional<Gap> revise(Gap.Builder draft, long brokerMs) {
    Published last = gaps.get(draft.getId());
    boolean open = draft.getState() == GapState.OPEN;
    if (last == null && !open) {
      return Optional.empty();
    }
    long openedMs = last == null || (open && !last.open()) ? brokerMs : last.openedMs();
    Gap gap =
        draft.setOpened(Instant.ofEpochMilli(openedMs)).setClosed(null).setRevision(0).build();
    long print = print(gap);
    gaps.remove(draft.getId());
    if (last != null && last.open() == open && last.print() == print) {
      gaps.put(draft.getId(), last);
      return Optional.empty();
    }
    Published now = new Published(last == null ? 0 : last.revision() + 1, open, openedMs, print);
    gaps.put(draft.getId(), now);
    if (gaps.size() > MAX_GAPS) {
      gaps.pollFirstEntry();
    }
    gap.setRevision(now.revision());
    gap.setClosed(open ? null : Instant.ofEpochMilli(brokerMs));
    return Optional.of(gap);
  }

  /** Whether anything was published of the gap. */
  boolean knows(String id) {
    return gaps.containsKey(id);
  }

  /** Whether the gap was published and is open. */
  boolean isOpen(String id) {
    Published last = gaps.get(id);
    return last != null && last.open();
  }

  /** Forgets all other gaps: nothing is known any more that they could be drafted of. */
  void retain(Set<String> ids) {
    gaps.keySet().retainAll(ids);
  }

  private static long print(Gap gap) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256")
              .digest(gap.toString().getBytes(StandardCharsets.UTF_8));
      return java.nio.ByteBuffer.wrap(Arrays.copyOf(digest, PRINT_BYTES)).getLong();
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  /**
   * Writes a count, then id, revision, open, opened and print of each, longest ago drafted first.
   */
  void encode(DataOutputStream out) throws IOException {
    out.writeInt(gaps.size());
    for (Map.Entry<String, Published> gap : gaps.entrySet()) {
      out.writeUTF(gap.getKey());
      out.writeInt(gap.getValue().revision());
      out.writeBoolean(gap.getValue().open());
      out.writeLong(gap.getValue().openedMs());
      out.writeLong(gap.getValue().print());
    }
  }

  /** Reads what {@link #encode} wrote. */
  static GapLedger decode(DataInputStream in) throws IOException {
    GapLedger ledger = new GapLedger();
    for (int left = in.readInt(); left > 0; left--) {
      ledger.gaps.put(
          in.readUTF(),
          new Published(in.readInt(), in.readBoolean(), in.readLong(), in.readLong()));
    }
    return ledger;
  }
}
