// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.bsm;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Span;
import auditbus.agent.event.TrailRecord;
import auditbus.schemas.AuditRecord;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Whatever a trail holds: nothing throws, every byte is in exactly one event, raw is exact, and the
 * fields are bounded by the bytes.
 *
 * <p>{@code -Dauditbus.fuzz.inputs=N -Dauditbus.fuzz.seed=S} for a long run or a known one.
 */
class BsmDamageTest {
  private static final long INPUTS = Long.getLong("auditbus.fuzz.inputs", 200_000);
  private static final int[] IDS = {
    0x11, 0x12, 0x13, 0x14, 0x15, 0x21, 0x23, 0x24, 0x27, 0x28, 0x2d, 0x31, 0x34, 0x3c, 0x3d, 0x74,
    0x79, 0x7a, 0x7b, 0x7e, 0x7f, 0x82, 0x84, 0xff
  };
  private static final int[] NUMBERS = {
    0,
    1,
    3,
    4,
    5,
    16,
    17,
    25,
    26,
    127,
    128,
    255,
    256,
    0x7fff,
    0xffff,
    0x10000,
    0xfffff,
    0x100000,
    0x100001,
    Integer.MAX_VALUE,
    Integer.MIN_VALUE,
    -1
  };

  private static final List<byte[]> RECORDS = new ArrayList<>();
  private static final List<byte[]> TOKENS = new ArrayList<>();

  private final BsmDecoder decoder = new BsmDecoder(Decoded.ORIGIN);

  @BeforeAll
  static void readSamples() throws IOException {
    for (Path sample : PrauditGoldenTest.records()) {
      RECORDS.add(PrauditGoldenTest.bytes(sample));
    }
    RECORDS.add(PrauditGoldenTest.longExecve());
    for (TokenTableTest.Token token : TokenTableTest.tokens()) {
      TOKENS.add(token.bytes);
    }
  }

  private static byte[] allSamples() {
    return TokenBytes.join(RECORDS.toArray(byte[][]::new));
  }

  @Test
  void trailCutAtEveryByte_isCoveredOnce() {
    byte[] trail = allSamples();
    for (int cut = 1; cut < trail.length; cut++) {
      check(Arrays.copyOf(trail, cut), cut);
    }
  }

  @Test
  void trailThatBeginsAtEveryByte_isCoveredOnce() {
    byte[] trail = allSamples();
    for (int from = 1; from < trail.length; from++) {
      check(Arrays.copyOfRange(trail, from, trail.length), 1_000);
    }
  }

  @Test
  void everyBitFlipped_costsAtMostItsOwnRecord() {
    byte[] before = RECORDS.getFirst();
    byte[] after = RECORDS.getLast();
    for (byte[] record : RECORDS) {
      byte[] trail = TokenBytes.join(before, record, after);
      for (int bit = 0; bit < 8 * record.length; bit++) {
        byte[] flipped = trail.clone();
        flipped[before.length + bit / 8] ^= (byte) (1 << (bit & 7));
        List<DecodedEvent> events = check(flipped, flipped.length);
        assertThat(events.getFirst().event().getRecords().getFirst().getRaw())
            .isEqualTo(ByteBuffer.wrap(before));
        assertThat(events.getLast().event().getRecords().getFirst().getRaw())
            .isEqualTo(ByteBuffer.wrap(after));
      }
    }
  }

  @Test
  void tokenWithoutHeader_isUnparsed() {
    byte[] token = TOKENS.getFirst().clone();
    token[0] = 0x28;
    List<DecodedEvent> events = check(token, 1);
    assertThat(events).hasSize(1);
    assertThat(events.getFirst().event().getType()).isEqualTo("UNPARSED");
  }

  @Test
  void mutatedTrails_areCoveredOnce() {
    long seed = Long.getLong("auditbus.fuzz.seed", System.nanoTime());
    System.out.println("BsmDamageTest: -Dauditbus.fuzz.seed=" + seed);
    Random random = new Random(seed);
    long began = System.nanoTime();
    long bytes = 0;
    long whole = 0;
    long unparsed = 0;
    long incomplete = 0;
    for (long input = 0; input < INPUTS; input++) {
      byte[] trail = input(random);
      bytes += trail.length;
      int step = random.nextInt(8) == 0 ? random.nextInt(1, 100) : trail.length;
      try {
        for (DecodedEvent event : check(trail, step)) {
          if (event.event().getType().equals("UNPARSED")) {
            unparsed++;
          } else if (event.event().getComplete()) {
            whole++;
          } else {
            incomplete++;
          }
        }
      } catch (RuntimeException | AssertionError e) {
        throw new AssertionError(
            "seed " + seed + ", input " + input + ": " + Texts.hex(trail, 0, trail.length), e);
      }
    }
    System.out.printf(
        "BsmDamageTest: %d inputs, %d bytes: %d events complete, %d incomplete, %d unparsed,"
            + " %.1f s%n",
        INPUTS, bytes, whole, incomplete, unparsed, (System.nanoTime() - began) / 1e9);
    // The mutator is no good if all it makes is junk, or none.
    assertThat(List.of(whole, incomplete, unparsed)).allMatch(count -> count > INPUTS / 20);
  }

  /** One to four records, changed; most have their lengths put right again. */
  private static byte[] input(Random random) {
    byte[][] parts = new byte[random.nextInt(1, 5)][];
    for (int part = 0; part < parts.length; part++) {
      byte[] record =
          random.nextBoolean() ? RECORDS.get(random.nextInt(RECORDS.size())) : made(random);
      for (int change = random.nextInt(4); change > 0; change--) {
        record = mutate(record, random);
      }
      parts[part] = random.nextInt(4) > 0 ? repair(record) : record;
    }
    byte[] trail = TokenBytes.join(parts);
    for (int change = random.nextInt(8) - 5; change > 0; change--) {
      trail = mutate(trail, random);
    }
    return trail.length == 0 ? new byte[] {0x14} : trail;
  }

  private static byte[] made(Random random) {
    byte[][] tokens = new byte[random.nextInt(6)][];
    for (int token = 0; token < tokens.length; token++) {
      tokens[token] = TOKENS.get(random.nextInt(TOKENS.size()));
    }
    byte[] record = TokenBytes.record(random.nextInt(65_536), tokens);
    record[0] = (byte) new int[] {0x14, 0x14, 0x14, 0x15, 0x74, 0x79}[random.nextInt(6)];
    return record;
  }

  private static byte[] mutate(byte[] bytes, Random random) {
    if (bytes.length < 8) {
      return TokenBytes.join(bytes, new byte[8]);
    }
    int at = random.nextInt(bytes.length);
    byte[] changed = bytes.clone();
    switch (random.nextInt(6)) {
      case 0 -> changed[at] ^= (byte) (1 << random.nextInt(8));
      case 1 -> changed[at] = (byte) IDS[random.nextInt(IDS.length)];
      case 2 -> {
        int number = NUMBERS[random.nextInt(NUMBERS.length)];
        int width = random.nextBoolean() ? 2 : 4;
        for (int index = 0; index < width && at + index < changed.length; index++) {
          changed[at + index] = (byte) (number >>> (8 * (width - 1 - index)));
        }
      }
      case 3 -> {
        int to = Math.min(bytes.length, at + random.nextInt(40));
        changed =
            TokenBytes.join(Arrays.copyOf(bytes, at), Arrays.copyOfRange(bytes, to, bytes.length));
      }
      case 4 -> {
        int to = Math.min(bytes.length, at + random.nextInt(40));
        int target = random.nextInt(bytes.length);
        changed =
            TokenBytes.join(
                Arrays.copyOf(bytes, target),
                Arrays.copyOfRange(bytes, at, to),
                Arrays.copyOfRange(bytes, target, bytes.length));
      }
      default ->
          changed =
              TokenBytes.join(
                  Arrays.copyOf(bytes, at),
                  TOKENS.get(random.nextInt(TOKENS.size())),
                  Arrays.copyOfRange(bytes, at, bytes.length));
    }
    return changed;
  }

  private static byte[] repair(byte[] record) {
    if (record.length < 25) {
      return record;
    }
    byte[] repaired = record.clone();
    byte[] length = new TokenBytes().u32(record.length).bytes();
    byte[] trailer = new TokenBytes().trailer(record.length).bytes();
    System.arraycopy(length, 0, repaired, 1, length.length);
    System.arraycopy(trailer, 0, repaired, record.length - trailer.length, trailer.length);
    return repaired;
  }

  /** Frames and decodes; all that must hold whatever the bytes are. */
  private List<DecodedEvent> check(byte[] trail, int step) {
    List<TrailRecord> frames = Frames.of(trail, step);
    if (step != trail.length
        && !Frames.lengths(frames).equals(Frames.lengths(Frames.of(trail, trail.length)))) {
      throw new AssertionError("framed otherwise when read in steps of " + step);
    }
    List<DecodedEvent> events = new ArrayList<>();
    long position = 0;
    for (TrailRecord frame : frames) {
      decoder.accept(frame, false, events::add);
      DecodedEvent event = events.getLast();
      AuditRecord record = event.event().getRecords().getFirst();
      boolean exact =
          frame.position() == position
              && record.getPosition() == position
              && record.getRaw().equals(ByteBuffer.wrap(frame.raw()))
              && event
                  .spans()
                  .equals(List.of(new Span(Frames.TRAIL, position, position + frame.raw().length)))
              && frame.whole() != event.event().getType().equals("UNPARSED");
      if (!exact) {
        throw new AssertionError("not covered once and exactly at " + position + ": " + event);
      }
      checkFields(record);
      position = frame.end();
    }
    if (position != trail.length
        || events.size() != frames.size()
        || decoder.defects() != 0
        || decoder.openBytes() != 0) {
      throw new AssertionError(
          "covered to " + position + " of " + trail.length + ", defects " + decoder.defects());
    }
    return events;
  }

  private static void checkFields(AuditRecord record) {
    Set<String> names = new HashSet<>();
    long chars = 0;
    for (Map.Entry<String, String> field : record.getFields().entrySet()) {
      if (!names.add(field.getKey())) {
        throw new AssertionError(field.getKey() + " is there twice: " + record);
      }
      chars += field.getValue().length();
    }
    if (chars > 6L * record.getLength() + 100 || !names.containsAll(record.getEscaped())) {
      throw new AssertionError(chars + " characters in the fields of " + record);
    }
  }
}
