// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class LineSplitterTest {
  private static final int LONGEST = LineSplitter.LONGEST_BYTES;

  private final LineAssembler lines = new LineAssembler(4 * LONGEST, new CaptureCounters());
  private final LineSplitter splitter = new LineSplitter(lines);
  private final ByteArrayOutputStream written = new ByteArrayOutputStream();
  private int records;

  @Test
  void anyChunksOfAnyStream_comeOutAsTheyWereInWholeLinesOrPieces() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int round = 0; round < 200; round++) {
      String what = "seed " + seed + " round " + round;
      written.reset();
      records = 0;
      byte[] stream = stream(random);
      for (int from = 0; from < stream.length; ) {
        int size = Math.min(stream.length - from, 1 + random.nextInt(chunk(random)));
        feed(Arrays.copyOfRange(stream, from, from + size), what);
        from += size;
        if (random.nextBoolean()) {
          write(what);
        }
      }
      boolean torn = stream[stream.length - 1] != '\n';
      assertThat(splitter.isWithinLine()).as(what).isEqualTo(torn);
      write(what);
      assertThat(splitter.finish()).as(what).isTrue();
      write(what);
      byte[] wanted = torn ? Arrays.copyOf(stream, stream.length + 1) : stream;
      wanted[wanted.length - 1] = '\n';
      assertThat(Arrays.equals(written.toByteArray(), wanted)).as(what).isTrue();
      assertThat(records).as(what).isEqualTo(pieces(wanted));
    }
  }

  @Test
  void lineOfExactlyTheLongestPiece_isOneAndEndsTheLine() {
    byte[] line = new byte[LONGEST];
    Arrays.fill(line, (byte) 'x');
    line[LONGEST - 1] = '\n';
    assertThat(splitter.take(line, 0)).isEqualTo(LONGEST);
    assertThat(splitter.isWithinLine()).isFalse();
    assertThat(lines.records()).isEqualTo(1);
  }

  @Test
  void tornBehindAFullPiece_stillEndsTheLine() {
    byte[] piece = new byte[LONGEST];
    Arrays.fill(piece, (byte) 'x');
    assertThat(splitter.take(piece, 0)).isEqualTo(LONGEST);
    assertThat(splitter.isWithinLine()).isTrue();
    assertThat(splitter.finish()).isTrue();
    splitter.take("type=USER\n".getBytes(StandardCharsets.US_ASCII), 0);
    write("");
    assertThat(written.toString(StandardCharsets.US_ASCII)).endsWith("x\ntype=USER\n");
    assertThat(records).isEqualTo(3);
  }

  @Test
  void noRoom_takesNothingOfTheLineAndGoesOnWithItLater() {
    byte[] line = new byte[LONGEST];
    Arrays.fill(line, (byte) 'x');
    line[LONGEST - 1] = '\n';
    byte[] stream = new byte[5 * LONGEST];
    for (int i = 0; i < 5; i++) {
      System.arraycopy(line, 0, stream, i * LONGEST, LONGEST);
    }
    int at = splitter.take(stream, 0);
    assertThat(at).isEqualTo(4 * LONGEST);
    assertThat(splitter.take(stream, at)).isEqualTo(at);
    assertThat(splitter.finish()).isTrue();
    write("");
    assertThat(splitter.take(stream, at)).isEqualTo(stream.length);
    write("");
    assertThat(written.toByteArray()).isEqualTo(stream);
    assertThat(records).isEqualTo(5);
  }

  private void feed(byte[] chunk, String what) {
    int at = splitter.take(chunk, 0);
    while (at < chunk.length) {
      write(what);
      at = splitter.take(chunk, at);
    }
  }

  /** As the capture does; what is written never ends within a line shorter than a piece. */
  private void write(String what) {
    if (lines.records() == 0) {
      return;
    }
    records += lines.records();
    byte[] bytes = new byte[lines.lines().remaining()];
    lines.lines().get(bytes);
    written.writeBytes(bytes);
    lines.written();
    int lineStart = bytes.length;
    while (lineStart > 0 && bytes[lineStart - 1] != '\n') {
      lineStart--;
    }
    if (lineStart > 0) {
      assertThat((bytes.length - lineStart) % LONGEST).as(what).isZero();
    }
  }

  private static int chunk(Random random) {
    return switch (random.nextInt(4)) {
      case 0 -> 3;
      case 1 -> 200;
      case 2 -> 10_000;
      default -> 3 * LONGEST;
    };
  }

  /** Lines of all lengths, some of no byte, with NULs and bytes that are no text. */
  private static byte[] stream(Random random) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    int count = 1 + random.nextInt(20);
    for (int i = 0; i < count; i++) {
      int length =
          switch (random.nextInt(12)) {
            case 0 -> 0;
            case 1 -> LONGEST - 2 + random.nextInt(4);
            case 2 -> random.nextInt(3 * LONGEST);
            default -> random.nextInt(300);
          };
      byte[] line = new byte[length];
      random.nextBytes(line);
      for (int j = 0; j < length; j++) {
        line[j] = line[j] == '\n' || random.nextInt(50) == 0 ? 0 : line[j];
      }
      out.writeBytes(line);
      if (i < count - 1 || length == 0 || random.nextBoolean()) {
        out.write('\n');
      }
    }
    return out.toByteArray();
  }

  private static int pieces(byte[] stream) {
    int count = 0;
    int start = 0;
    for (int i = 0; i < stream.length; i++) {
      if (stream[i] == '\n') {
        count += (i - start) / LONGEST + 1;
        start = i + 1;
      }
    }
    return count;
  }
}
