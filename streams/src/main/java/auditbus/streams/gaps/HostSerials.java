// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import auditbus.schemas.Certainty;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.GapState;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * One host's boots, losses, and what was published of them. Touched by heartbeats, by new boots and
 * where there is something to publish, not by every event.
 *
 * <p>Bounded: {@value #MAX_BOOTS} boots; the ledger's gaps.
 *
 * <p>Not thread-safe: the processor owns it.
 */
final class HostSerials {
  static final int MAX_BOOTS = 8;

  private static final int VERSION = 1;

  /** An open gap, to close it once it is none any more. */
  private record Told(
      GapKind kind, Certainty certainty, String boot, String source, String trail, String space) {}

  private final LinkedHashSet<String> spaces = new LinkedHashSet<>();
  private HostLosses losses = new HostLosses();
  private final LinkedHashMap<String, Told> told = new LinkedHashMap<>();
  private GapLedger ledger = new GapLedger();
  private boolean news;

  /** The boots' keys, as they came up. */
  Set<String> spaces() {
    return spaces;
  }

  HostLosses losses() {
    return losses;
  }

  /** Heartbeats or resets told something that bears on a gap. */
  void hasNews(boolean some) {
    news = some;
  }

  boolean hasNews() {
    return news;
  }

  /** Whether a gap is open that can close, or of which more may be known later. */
  boolean hasOpen() {
    return !told.isEmpty();
  }

  /** The boot is no longer followed: what is open of it stays so. */
  void forget(String space) {
    spaces.remove(space);
    told.values().removeIf(one -> one.space().equals(space));
  }

  /** What is open of the boot is from now on told under another key. */
  void rename(String from, String to) {
    spaces.remove(from);
    spaces.add(to);
    told.replaceAll(
        (_, one) ->
            one.space().equals(from)
                ? new Told(one.kind(), one.certainty(), one.boot(), one.source(), one.trail(), to)
                : one);
  }

  /**
   * What to publish: of the drafts those that say something new, and the ends of the gaps that were
   * open and are no longer among them.
   */
  List<Gap> publish(String host, List<SpaceDraft> drafts, long brokerMs) {
    List<Gap> news = new ArrayList<>();
    Set<String> open = new LinkedHashSet<>();
    for (SpaceDraft draft : drafts) {
      Gap.Builder gap = draft.gap();
      open.add(gap.getId());
      // Losses the kernel counted do not come back: they never end.
      if (gap.getKind() != GapKind.KERNEL_LOST) {
        told.put(
            gap.getId(),
            new Told(
                gap.getKind(),
                gap.getCertainty(),
                gap.getBoot() == null ? "" : gap.getBoot(),
                gap.getSource() == null ? "" : gap.getSource(),
                gap.getTrail() == null ? "" : gap.getTrail(),
                draft.space()));
      }
      ledger.revise(gap.setHost(host).setState(GapState.OPEN), brokerMs).ifPresent(news::add);
    }
    for (Map.Entry<String, Told> one : List.copyOf(told.entrySet())) {
      Told gap = one.getValue();
      if (!open.contains(one.getKey())) {
        told.remove(one.getKey());
        ledger.revise(end(host, one.getKey(), gap), brokerMs).ifPresent(news::add);
      }
    }
    return news;
  }

  /** The gap of a loss that is no longer kept, if that was not said before. */
  Optional<Gap> tellLast(String host, SpaceDraft loss, long brokerMs) {
    Gap.Builder gap = loss.gap().setHost(host).setState(GapState.OPEN);
    return ledger.revise(gap, brokerMs);
  }

  private static Gap.Builder end(String host, String id, Told gap) {
    return Gap.newBuilder()
        .setId(id)
        .setHost(host)
        .setKind(gap.kind())
        .setCertainty(gap.certainty())
        .setState(GapState.CLOSED)
        .setBoot(gap.boot().isEmpty() ? null : gap.boot())
        .setSource(gap.source().isEmpty() ? null : gap.source())
        .setTrail(gap.trail().isEmpty() ? null : gap.trail())
        .setMissing(0L)
        .setUnit(Accounting.unit(gap.kind()));
  }

  byte[] encode() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(512);
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeByte(VERSION);
      out.writeBoolean(news);
      out.writeByte(spaces.size());
      for (String space : spaces) {
        out.writeUTF(space);
      }
      losses.encode(out);
      out.writeInt(told.size());
      for (Map.Entry<String, Told> one : told.entrySet()) {
        out.writeUTF(one.getKey());
        out.writeUTF(one.getValue().kind().name());
        out.writeUTF(one.getValue().certainty().name());
        out.writeUTF(one.getValue().boot());
        out.writeUTF(one.getValue().source());
        out.writeUTF(one.getValue().trail());
        out.writeUTF(one.getValue().space());
      }
      ledger.encode(out);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  static HostSerials decode(byte[] bytes) {
    if (bytes.length == 0 || bytes[0] != VERSION) {
      throw new StateVersionException(bytes.length == 0 ? 0 : bytes[0], VERSION);
    }
    HostSerials host = new HostSerials();
    try (DataInputStream in =
        new DataInputStream(new ByteArrayInputStream(bytes, 1, bytes.length - 1))) {
      host.news = in.readBoolean();
      for (int left = in.readByte(); left > 0; left--) {
        host.spaces.add(in.readUTF());
      }
      host.losses = HostLosses.decode(in);
      for (int left = in.readInt(); left > 0; left--) {
        host.told.put(
            in.readUTF(),
            new Told(
                GapKind.valueOf(in.readUTF()),
                Certainty.valueOf(in.readUTF()),
                in.readUTF(),
                in.readUTF(),
                in.readUTF(),
                in.readUTF()));
      }
      host.ledger = GapLedger.decode(in);
    } catch (IOException e) {
      throw new UncheckedIOException("a host's serials of " + bytes.length + " bytes are cut", e);
    }
    return host;
  }
}
