// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.bsm;

import static auditbus.agent.bsm.TokenBytes.join;
import static auditbus.agent.bsm.TokenBytes.record;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import auditbus.agent.event.TrailRecord;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Where records end, whatever stands between them. */
class BsmFramingTest {
  private static final byte[] RECORD = record(15, text("kill"));
  private static final byte[] LONGER = record(23, text("a longer one"));
  private static final byte[] FILE_TOKEN =
      new TokenBytes().u8(0x11).u32(1_700_000_000).u32(424).string("20231114221320").bytes();

  private final BsmFraming framing = new BsmFraming();

  private static byte[] text(String text) {
    return new TokenBytes().u8(0x28).string(text).bytes();
  }

  private static void check(byte[] trail, Integer... lengths) {
    for (int step : new int[] {trail.length, 1, 7, 64, 65_537}) {
      assertThat(Frames.lengths(Frames.of(trail, step))).containsExactly(lengths);
    }
  }

  @Test
  void records_areWhole() {
    check(join(RECORD, LONGER, RECORD), RECORD.length, LONGER.length, RECORD.length);
  }

  @Test
  void headersOfAllKinds_areWhole() {
    byte[] extended =
        new TokenBytes().u8(0x15).u32(33).u8(11).u32(0).u32(4).u32(1).u64(0).trailer(33).bytes();
    byte[] wide = new TokenBytes().u8(0x74).u32(33).u8(11).u32(0).u64(0).u64(0).trailer(33).bytes();
    byte[] wideExtended =
        new TokenBytes()
            .u8(0x79)
            .u32(53)
            .u8(11)
            .u32(0)
            .u32(16)
            .u64(0)
            .u64(0)
            .u64(0)
            .u64(0)
            .trailer(53)
            .bytes();
    check(join(extended, wide, wideExtended), 33, 33, 53);
  }

  @Test
  void fileToken_isAFrameOfItsOwnBetweenRecords() {
    check(
        join(FILE_TOKEN, RECORD, FILE_TOKEN), FILE_TOKEN.length, RECORD.length, FILE_TOKEN.length);
  }

  @Test
  void fileTokenBehindJunk_endsItNot() {
    check(join(new byte[] {1}, FILE_TOKEN, RECORD), -1 - FILE_TOKEN.length, RECORD.length);
  }

  @Test
  void junkBetweenRecords_isOnePiece() {
    byte[] junk = "junk \u0014 and more \u0011 of it".getBytes(StandardCharsets.UTF_8);
    check(join(RECORD, junk, LONGER), RECORD.length, -junk.length, LONGER.length);
    check(join(junk, LONGER), -junk.length, LONGER.length);
    check(join(LONGER, junk), LONGER.length, -junk.length);
  }

  @Test
  void longJunk_isCutEvery64KiB() {
    byte[] junk = new byte[3 * 65_536 + 100];
    byte[] trail = join(junk, RECORD);
    for (int step : new int[] {trail.length, 4_099, 65_537}) {
      assertThat(Frames.lengths(Frames.of(trail, step)))
          .containsExactly(-65_536, -65_536, -65_536, -100, RECORD.length);
    }
  }

  @Test
  void trailerThatIsWrong_makesJunkUpToTheNextRecord() {
    for (int at = RECORD.length - 7; at < RECORD.length; at++) {
      byte[] broken = RECORD.clone();
      broken[at] ^= 0x40;
      check(join(LONGER, broken, LONGER), LONGER.length, -broken.length, LONGER.length);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 24, 0xffff_ffffL, 0x8000_0000L, (1 << 20) + 1})
  void lengthThatCannotBe_isJunkAtOnce(long length) {
    byte[] header = new TokenBytes().u8(0x14).u32(length).u8(11).u32(0).bytes();
    byte[] trail = join(header, RECORD);
    assertThat(framing.frameEnd(trail, 0, trail.length, false)).isEqualTo(~header.length);
    check(join(RECORD, trail), RECORD.length, -header.length, RECORD.length);
  }

  @Test
  void longestRecord_isWhole() {
    byte[] opaque = new byte[(1 << 20) - 25];
    byte[] longest = record(1, opaque);
    assertThat(framing.frameEnd(longest, 0, longest.length - 1, false)).isZero();
    check(join(RECORD, longest, RECORD), RECORD.length, 1 << 20, RECORD.length);
  }

  @Test
  void recordCutAtEveryByte_isOneTornPiece() {
    for (int cut = 1; cut < LONGER.length; cut++) {
      check(join(RECORD, Arrays.copyOf(LONGER, cut)), RECORD.length, -cut);
    }
  }

  @Test
  void recordInsideATornRecord_isNotTakenForOne() {
    byte[] forged = record(15, text("forged"));
    byte[] argument = join(forged, forged, forged, text("more"));
    byte[] torn = Arrays.copyOf(record(23, argument), 18 + argument.length - 3);
    check(join(RECORD, torn), RECORD.length, -torn.length);
  }

  @Test
  void lengthThatReachesPastTheEnd_costsNoRecordButItsOwn() {
    byte[] broken = RECORD.clone();
    broken[2] = 0x0f; // 983,040 bytes more
    check(
        join(RECORD, broken, LONGER, RECORD, LONGER),
        RECORD.length,
        -broken.length,
        LONGER.length,
        RECORD.length,
        LONGER.length);
  }

  @Test
  void lengthThatReachesPastATornTail_costsNoRecordButItsOwn() {
    byte[][] parts = new byte[202][];
    Integer[] lengths = new Integer[parts.length];
    for (int part = 0; part < parts.length; part++) {
      parts[part] = part % 3 == 0 ? LONGER : RECORD;
      lengths[part] = parts[part].length;
    }
    parts[1] = parts[1].clone();
    parts[1][2] = 0x0f;
    lengths[1] = -lengths[1];
    for (int cut = 1; cut < RECORD.length; cut++) {
      parts[201] = Arrays.copyOf(RECORD, cut);
      lengths[201] = -cut;
      assertThat(Frames.lengths(Frames.of(join(parts)))).containsExactly(lengths);
    }
    check(join(parts), lengths);
    // Two damaged lengths, with records between them and behind.
    parts[100] = parts[100].clone();
    parts[100][2] = 0x0e;
    lengths[100] = -lengths[100];
    check(join(parts), lengths);
  }

  @Test
  void recordsAndATornOneInsideATornRecord_areNotTakenForReal() {
    byte[] forged = record(15, text("forged"));
    byte[] begun = new TokenBytes().u8(0x14).u32(60_000).u8(11).u32(0).u64(0).bytes();
    byte[] argument = join(text("list"), forged, forged, begun, text("more"));
    byte[] torn = Arrays.copyOf(record(23, argument), 18 + argument.length - 3);
    check(join(RECORD, torn), RECORD.length, -torn.length);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ffd814 00000aff",
        "00140000 0aff",
        "140000 0aff 05 00170000 00000000",
        "140000 0aff 0c",
        "140000 0aff 0b 00170000 00000000 3b9aca00",
        "150000 0aff 0b 00170000 00000006",
        "740000 0aff 0b 00170000 0000000000000000 00000001 00000000",
        "790000 0aff 0b 00170000 00000010 00000000000000000000000000000000"
            + "0000000000000000 00000000 ffffffff"
      })
  void unlikelyHeader_isNotWaitedFor(String hex) {
    byte[] junk = new TokenBytes().hex(hex.replace(" ", "")).bytes();
    byte[] tail = {0x01, 0x14, 0x00, 0x02};
    byte[] trail = join(junk, RECORD, LONGER);
    assertThat(framing.frameEnd(trail, 0, trail.length, false)).isEqualTo(~junk.length);
    check(
        join(RECORD, junk, RECORD, LONGER, tail),
        RECORD.length,
        -junk.length,
        RECORD.length,
        LONGER.length,
        -tail.length);
  }

  @Test
  void wholeRecordOfAnUnknownVersion_isARecord() {
    byte[] odd = LONGER.clone();
    odd[5] = 99;
    check(join(RECORD, odd, RECORD), RECORD.length, odd.length, RECORD.length);
    check(join(new byte[3], odd, RECORD), -3, odd.length, RECORD.length);
  }

  @Test
  void recordOfAnUnknownVersionAroundAnother_isCutAlikeHoweverItIsRead() {
    byte[] odd = record(23, text("before"), RECORD, text("behind"));
    odd[5] = 99;
    int before = 18 + text("before").length;
    check(
        join(LONGER, odd, LONGER),
        LONGER.length,
        -before,
        RECORD.length,
        -(odd.length - before - RECORD.length),
        LONGER.length);
    byte[] longOdd = record(23, new byte[70_000]);
    longOdd[5] = 99;
    check(join(longOdd, RECORD), -65_536, -(longOdd.length - 65_536), RECORD.length);
  }

  @Test
  void twiceTheLongestRecord_isAlwaysEnoughToTell() {
    byte[] hostile = new byte[2 << 20];
    Random random = new Random(1);
    int[] lengths = {0x0014_1414, 1 << 20, 0x000f_ffff, 0x0010_0000, 25, 0x0001_1414};
    for (int at = 0; at + 5 <= hostile.length; at += 5) {
      hostile[at] = 0x14;
      int length = lengths[random.nextInt(lengths.length)];
      for (int index = 0; index < 4; index++) {
        hostile[at + 1 + index] = (byte) (length >>> (24 - 8 * index));
      }
    }
    assertThat(framing.frameEnd(hostile, 0, hostile.length, false)).isNegative();
    assertThat(framing.frameEnd(hostile, 0, hostile.length, true)).isNegative();
  }

  @Test
  @Timeout(value = 20, unit = TimeUnit.SECONDS)
  void megabytesOfHeaderBytes_costNoMoreThanOtherJunk() {
    byte[] headers = new byte[8 << 20];
    Arrays.fill(headers, (byte) 0x14);
    assertThat(Frames.of(headers, 65_536)).hasSize(headers.length / 65_536);
    // Each third byte begins a record of 1 MiB less a little, for all one can tell.
    for (int at = 0; at < headers.length; at++) {
      headers[at] = (byte) (at % 5 == 0 ? 0x14 : at % 5 == 1 ? 0 : 0x0f);
    }
    List<TrailRecord> frames = Frames.of(headers, 65_536);
    assertThat(frames).isNotEmpty().noneMatch(TrailRecord::whole);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          00010203             | byte 0: found 0x00, wanted a record header (0x14, 0x15, 0x74, 0x79)
          1400                 | a record header torn after 2 bytes, wanted at least 25
          14ffffffff0b         | byte 1: found a record length of 4294967295 bytes, wanted 25 to 1048576
          1500000005           | byte 1: found a record length of 5 bytes, wanted 29 to 1048576
          140000001a0b0000     | byte 1: found a record length of 26 bytes, but after 8 bytes the piece ends (torn, or the next whole record begins)
          1100                 | a file token torn after 2 bytes, wanted at least 11
          1100000000000000000000 | byte 0: a file token (0x11), but its name is not of 1 to 1024 bytes, the last 0x00
          140000001963000000000000000000000000 13b10500000019 | byte 5: an unlikely header (version 99), and the record holds others or ends beyond 65536 bytes
          14000000190b000000000000000000000000 13b10400000019 | byte 18: found 13b10400000019, wanted the trailer 13b10500000019
          """)
  void fault_saysWhatWasFoundAndWanted(String hex, String fault) {
    byte[] piece = new TokenBytes().hex(hex).bytes();
    byte[] elsewhere = join(new byte[3], piece);
    assertThat(framing.fault(elsewhere, 3, elsewhere.length)).isEqualTo(fault);
  }

  @Test
  void fault_neverThrows() {
    Random random = new Random(7);
    for (int round = 0; round < 20_000; round++) {
      byte[] piece = new byte[random.nextInt(1, 60)];
      random.nextBytes(piece);
      piece[0] = (byte) new int[] {0x14, 0x15, 0x74, 0x79, 0x11, 0x13}[random.nextInt(6)];
      if (piece.length > 4 && random.nextBoolean()) {
        piece[1] = piece[2] = piece[3] = 0;
      }
      assertThatCode(() -> framing.fault(piece, 0, piece.length)).doesNotThrowAnyException();
    }
  }
}
