// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.RequiredTools;
import auditbus.agent.netlink.KernelDatagrams;
import auditbus.agent.netlink.MessageBatch;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever comes through the socket: nothing is lost of it, no line is forged by it. */
class LineAssemblerTest {
  private static final int KERNEL = 0;
  private static final int SYSCALL = 1300;

  private final KernelDatagrams datagrams = new KernelDatagrams();
  private final MessageBatch batch = new MessageBatch(16, MessageBatch.DEFAULT_SLOT_BYTES);
  private final CaptureCounters counters = new CaptureCounters();
  private final LineAssembler lines = new LineAssembler(256 * 1024, counters);

  @AfterEach
  void close() {
    datagrams.close();
    CaptureCounters.Flow flow = counters.flow();
    assertThat(flow.received()).isEqualTo(flow.written() + flow.dropped());
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 15, 16, 17, 8_000_000, -1, Integer.MIN_VALUE})
  void lengthInTheHeader_isNotBelieved(int lie) throws Exception {
    datagrams.send(KERNEL, SYSCALL, ascii("audit(1.002:3): a=b"), lie);
    assertThat(taken()).isEqualTo("type=SYSCALL msg=audit(1.002:3): a=b\n");
  }

  @Test
  void lineFeedAndZeroInside_becomeSpaces() throws Exception {
    datagrams.send(
        KERNEL,
        1112,
        ascii("audit(1.002:3): a='b\ntype=SYSCALL msg=audit(1.002:4): c\0d\r\t\1'\0\0"),
        0);
    assertThat(taken())
        .isEqualTo(
            "type=USER_LOGIN msg=audit(1.002:3): a='b type=SYSCALL msg=audit(1.002:4): c d\r\t\1'\n");
    assertThat(counters.replaced).hasValue(2);
  }

  @Test
  void bytesThatAreNoUtf8_stayAsTheyAre() throws Exception {
    byte[] payload = ascii("audit(1.002:3): a=????????");
    byte[] odd = {
      (byte) 0xc3, 0x28, (byte) 0xff, (byte) 0xfe, (byte) 0xed, (byte) 0xa0, (byte) 0x80, 0x1d
    };
    System.arraycopy(odd, 0, payload, payload.length - odd.length, odd.length);
    datagrams.send(KERNEL, SYSCALL, payload, 0);
    assertThat(taken().getBytes(StandardCharsets.ISO_8859_1)).containsSubsequence(odd);
    assertThat(counters.replaced).hasValue(0);
  }

  @Test
  void longestRecord_comesWhole() throws Exception {
    byte[] payload = ascii("audit(1.002:3): a=" + "x".repeat(8970 - 18));
    assertThat(payload).hasSize(8970);
    datagrams.send(KERNEL, 1309, payload, 0);
    assertThat(taken()).hasSize("type=EXECVE msg=".length() + 8970 + 1).endsWith("xxx\n");
    assertThat(counters.truncated).hasValue(0);
  }

  @Test
  void longerThanAnyRecord_isCutAndCounted() throws Exception {
    datagrams.send(KERNEL, SYSCALL, ascii("audit(1.002:3): a=" + "x".repeat(60_000)), 0);
    datagrams.send(KERNEL, SYSCALL, ascii("audit(1.002:4): a=b"), 0);
    assertThat(taken().lines())
        .hasSize(2)
        .satisfies(
            both -> {
              assertThat(both.getFirst()).hasSizeGreaterThan(9000).startsWith("type=SYSCALL msg=");
              assertThat(both.getLast()).isEqualTo("type=SYSCALL msg=audit(1.002:4): a=b");
            });
    assertThat(counters.truncated).hasValue(1);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 4, 15})
  void datagramWithoutAHeader_isCountedAndTheNextOneTaken(int bytes) throws Exception {
    datagrams.send(KERNEL, new byte[bytes]);
    datagrams.send(KERNEL, SYSCALL, ascii("audit(1.002:4): a=b"), 0);
    assertThat(taken()).isEqualTo("type=SYSCALL msg=audit(1.002:4): a=b\n");
    assertThat(counters.malformed).hasValue(1);
    assertThat(counters.flow().dropped()).isEqualTo(1);
  }

  @Test
  void headerAlone_isALineWithoutAStamp() throws Exception {
    datagrams.send(KERNEL, SYSCALL, new byte[0], 0);
    assertThat(taken()).isEqualTo("type=SYSCALL msg=\n");
    assertThat(counters.unstamped).hasValue(1);
  }

  @Test
  void whatAProcessSent_isRefused() throws Exception {
    datagrams.send(4711, SYSCALL, ascii("audit(1.002:3): forged"), 0);
    datagrams.send(KERNEL, SYSCALL, ascii("audit(1.002:4): a=b"), 0);
    datagrams.send(-1, new byte[3]);
    assertThat(taken()).isEqualTo("type=SYSCALL msg=audit(1.002:4): a=b\n");
    assertThat(counters.spoofed).hasValue(2);
    assertThat(counters.malformed).hasValue(0);
  }

  @Test
  void whatIsNoRecord_makesNoLine() throws Exception {
    for (int type : new int[] {0, 1, 2, 3, 1000, 1001, 1010, 1013, 1099, 1329}) {
      datagrams.send(KERNEL, type, ascii("audit(1.002:3): no record"), 0);
    }
    assertThat(taken()).isEmpty();
    assertThat(counters.flow().received()).isZero();
  }

  @Test
  void unknownTypes_areLinesThatAusearchReads(@TempDir Path directory) throws Exception {
    int[] types = {1100, 1199, 1399, 1999, 2999, 4095, 4096, 9999, 65_535};
    StringBuilder wanted = new StringBuilder();
    for (int i = 0; i < types.length; i++) {
      String stamp = "audit(1795170528.001:" + (100 + i) + "): ";
      datagrams.send(KERNEL, types[i], ascii(stamp + "pid=1 uid=0 msg='odd'"), 0);
      wanted.append(stamp).append('\n');
    }
    String text = taken();
    assertThat(text).contains("type=UNKNOWN[65535] msg=").contains("type=UNKNOWN[1999] msg=");
    Path file = directory.resolve("trail");
    Files.writeString(
        file,
        "type=USER msg=audit(1795170528.001:1): pid=1 uid=0 msg='first'\n"
            + text
            + "type=USER msg=audit(1795170528.002:999): pid=1 uid=0 msg='last'\n");
    String found = ausearch(file);
    assertThat(found).contains("first").contains("last");
    for (String stamp : wanted.toString().split("\n", -1)) {
      assertThat(found).contains(stamp);
    }
  }

  @Test
  void fullBuffer_takesTheRestAfterItWasWritten() throws Exception {
    LineAssembler small = new LineAssembler(100, counters);
    for (int i = 0; i < 10; i++) {
      datagrams.send(KERNEL, SYSCALL, ascii("audit(1.002:" + i + "): a=b"), 0);
    }
    datagrams.receive(batch);
    List<String> written = new ArrayList<>();
    int next = 0;
    while (next < batch.count()) {
      int before = next;
      next = small.take(batch, next);
      assertThat(next).isGreaterThan(before);
      written.addAll(text(small).lines().toList());
    }
    assertThat(written).hasSize(10);
    for (int i = 0; i < 10; i++) {
      assertThat(written.get(i)).isEqualTo("type=SYSCALL msg=audit(1.002:" + i + "): a=b");
    }
  }

  @Test
  void anyBytes_neverForgeALineAndAreAllCounted() throws Exception {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int round = 0; round < 2000; round++) {
      long spoofed = counters.spoofed.get();
      long malformed = counters.malformed.get();
      ByteArrayOutputStream wanted = new ByteArrayOutputStream();
      int refused = 0;
      int cut = 0;
      for (int i = 0; i < 5; i++) {
        byte[] payload = new byte[random.nextInt(60)];
        random.nextBytes(payload);
        boolean kernel = random.nextInt(5) > 0;
        if (random.nextInt(5) == 0) {
          datagrams.send(kernel ? KERNEL : 1 + random.nextInt(1000), new byte[random.nextInt(16)]);
          cut += kernel ? 1 : 0;
        } else {
          datagrams.send(
              kernel ? KERNEL : 1 + random.nextInt(1000), SYSCALL, payload, random.nextInt());
          if (kernel) {
            wanted.write(ascii("type=SYSCALL msg="));
            wanted.write(asWritten(payload));
          }
        }
        refused += kernel ? 0 : 1;
      }
      assertThat(taken())
          .as("seed %s round %s", seed, round)
          .isEqualTo(wanted.toString(StandardCharsets.ISO_8859_1));
      assertThat(counters.spoofed.get() - spoofed).as("seed %s", seed).isEqualTo(refused);
      assertThat(counters.malformed.get() - malformed).as("seed %s", seed).isEqualTo(cut);
    }
  }

  private static byte[] asWritten(byte[] payload) {
    int length = payload.length;
    while (length > 0 && payload[length - 1] == 0) {
      length--;
    }
    byte[] line = new byte[length + 1];
    for (int i = 0; i < length; i++) {
      line[i] = payload[i] == 0 || payload[i] == '\n' ? (byte) ' ' : payload[i];
    }
    line[length] = '\n';
    return line;
  }

  private String taken() {
    datagrams.receive(batch);
    assertThat(lines.take(batch, 0)).isEqualTo(batch.count());
    return text(lines);
  }

  private String text(LineAssembler from) {
    int records = from.records();
    counters.written("20261120104500", records);
    ByteBuffer bytes = from.lines();
    String text = StandardCharsets.ISO_8859_1.decode(bytes.duplicate()).toString();
    assertThat(text.chars().filter(c -> c == '\n').count()).isEqualTo(records);
    from.written();
    return text;
  }

  private static String ausearch(Path file) throws Exception {
    Process process =
        new ProcessBuilder(
                RequiredTools.path("ausearch").toString(), "--raw", "-if", file.toString())
            .redirectInput(new File("/dev/null"))
            .redirectErrorStream(true)
            .start();
    String output =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }
}
