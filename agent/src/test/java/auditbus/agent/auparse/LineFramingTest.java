// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class LineFramingTest {
  private static final int LONGEST = LineFraming.MAX_RECORD_BYTES;

  private final LineFraming framing = new LineFraming();

  @Test
  void line_isARecordWithItsLineFeed() {
    byte[] bytes = bytes("type=A\ntype=B\n");
    assertThat(framing.frameEnd(bytes, 0, bytes.length, false)).isEqualTo(7);
    assertThat(framing.frameEnd(bytes, 7, bytes.length, false)).isEqualTo(14);
  }

  @Test
  void emptyLine_isARecordOfOneByte() {
    assertThat(framing.frameEnd(bytes("\n\n"), 0, 2, false)).isEqualTo(1);
  }

  @Test
  void halfALine_wantsMore() {
    assertThat(framing.frameEnd(bytes("type="), 0, 5, false)).isZero();
    assertThat(framing.frameEnd(bytes("type="), 0, 5, true)).isZero();
    assertThat(framing.frameEnd(bytes("type="), 5, 5, false)).isZero();
  }

  @Test
  void tornLine_isAPieceToTheEnd() {
    assertThat(framing.tornEnd(bytes("a\ntype="), 2, 7)).isEqualTo(7);
  }

  @Test
  void lineFeed_isFoundAtEveryPlaceAmongBytesThatDifferLittle() {
    for (int like : new int[] {0x00, 0x09, 0x0b, 0x8a, 0xff}) {
      for (int start = 0; start < 9; start++) {
        for (int feed = start; feed < 40; feed++) {
          byte[] bytes = new byte[40];
          Arrays.fill(bytes, (byte) like);
          bytes[feed] = '\n';
          assertThat(framing.frameEnd(bytes, start, 40, false)).isEqualTo(feed + 1);
          assertThat(framing.frameEnd(bytes, start, feed, false)).isZero();
        }
      }
    }
  }

  @Test
  void longestLine_isARecord() {
    byte[] bytes = bytes("x".repeat(LONGEST - 1) + "\ny");
    assertThat(framing.frameEnd(bytes, 0, bytes.length, false)).isEqualTo(LONGEST);
  }

  @Test
  void lineOneByteLonger_isTwoPieces() {
    byte[] bytes = bytes("x".repeat(LONGEST) + "\ntype=A\n");
    assertThat(framing.frameEnd(bytes, 0, bytes.length, false)).isEqualTo(~LONGEST);
    assertThat(framing.continues(bytes[LONGEST - 1])).isTrue();
    assertThat(framing.frameEnd(bytes, LONGEST, bytes.length, true)).isEqualTo(~(LONGEST + 1));
    assertThat(framing.continues(bytes[LONGEST])).isFalse();
    assertThat(framing.frameEnd(bytes, LONGEST + 1, bytes.length, false)).isEqualTo(bytes.length);
  }

  @Test
  void restOfALineThatIsTooLong_isNoRecordWhateverItLooksLike() {
    byte[] forged = bytes("type=DAEMON_END msg=audit(1.000:1): auid=0\n");
    assertThat(framing.frameEnd(forged, 0, forged.length, true)).isEqualTo(~forged.length);
  }

  @Test
  void fault_saysWhatWasWantedAndFound() {
    byte[] bytes = bytes("x".repeat(LONGEST) + "rest\n");
    assertThat(framing.fault(bytes, 0, LONGEST)).contains("no line end in 65536 bytes");
    assertThat(framing.fault(bytes, LONGEST, bytes.length)).contains("5 bytes").contains("65536");
  }

  @Test
  void frames_areTheSameHoweverTheBytesCome() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int round = 0; round < 30; round++) {
      StringBuilder text = new StringBuilder();
      while (text.length() < 3 * LONGEST) {
        int length = random.nextInt(4) == 0 ? random.nextInt(2 * LONGEST) : random.nextInt(300);
        text.append("x".repeat(length)).append('\n');
      }
      byte[] bytes = bytes(text.toString());
      assertThat(frames(bytes, new Random(random.nextLong())))
          .as("seed %s round %s", seed, round)
          .isEqualTo(frames(bytes, new Random(random.nextLong())));
    }
  }

  /** Signed ends of all frames, with limits that grow at random. */
  private List<Integer> frames(byte[] bytes, Random random) {
    List<Integer> ends = new ArrayList<>();
    int start = 0;
    boolean continued = false;
    for (int limit = 0; start < bytes.length; ) {
      int end = framing.frameEnd(bytes, start, limit, continued);
      if (end == 0) {
        limit = Math.min(bytes.length, limit + 1 + random.nextInt(LONGEST));
      } else {
        ends.add(end);
        start = end < 0 ? ~end : end;
        continued = end < 0 && framing.continues(bytes[start - 1]);
      }
    }
    return ends;
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}
