// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.event;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/** What is UTF-8 is what Java's own decoder takes. */
class Utf8Test {
  @Test
  void threeBytes_areValidWhereTheDecoderTakesThem() {
    byte[] bytes = new byte[3];
    // Every lead byte with every second; third bytes at the borders of what may follow.
    for (int two = 0; two < 1 << 16; two++) {
      for (int third : new int[] {0x7f, 0x80, 0xbf, 0xc0}) {
        bytes[0] = (byte) (two >>> 8);
        bytes[1] = (byte) two;
        bytes[2] = (byte) third;
        check(bytes);
      }
    }
  }

  @Test
  void fourBytes_areValidWhereTheDecoderTakesThem() {
    byte[] bytes = new byte[4];
    for (int two = 0xe000; two < 1 << 16; two++) {
      for (int third : new int[] {0x7f, 0x80, 0xbf, 0xc0}) {
        for (int fourth : new int[] {0x7f, 0x80, 0xbf, 0xc0}) {
          bytes[0] = (byte) (two >>> 8);
          bytes[1] = (byte) two;
          bytes[2] = (byte) third;
          bytes[3] = (byte) fourth;
          check(bytes);
        }
      }
    }
  }

  @Test
  void asciiOfAnyLength_isToldFromWhatIsNot() {
    for (int length = 0; length < 40; length++) {
      byte[] bytes = new byte[length + 2];
      bytes[0] = -1;
      bytes[length + 1] = -1;
      assertThat(Utf8.isAscii(bytes, 1, length + 1)).isTrue();
      for (int at = 1; at <= length; at++) {
        bytes[at] = (byte) 0x80;
        assertThat(Utf8.isAscii(bytes, 1, length + 1)).as("%d of %d", at, length).isFalse();
        bytes[at] = 0x7f;
      }
    }
  }

  @Test
  void badBytes_areEscapedAndPercentToo() {
    byte[] bytes = "50% é ".getBytes(StandardCharsets.UTF_8);
    bytes[bytes.length - 1] = (byte) 0xff;
    assertThat(Utf8.percentEscaped(bytes, 0, bytes.length)).isEqualTo("50%25 é%FF");
  }

  private static void check(byte[] bytes) {
    boolean taken;
    try {
      StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes));
      taken = true;
    } catch (CharacterCodingException e) {
      taken = false;
    }
    if (Utf8.isValid(bytes, 0, bytes.length) != taken) {
      assertThat(!taken).as("%s", HexFormat.of().formatHex(bytes)).isEqualTo(taken);
    }
  }
}
