// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.trail.FlushPolicy;
import auditbus.agent.trail.OnFull;
import auditbus.agent.trail.TrailSettings;
import auditbus.agent.trail.TrailWriter;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A capture on a real socket, at whose other end the test is auditd. */
@Timeout(60)
class AudispCaptureTest {
  private static final Duration DEADLINE = Duration.ofSeconds(20);

  @TempDir Path directory;

  private final List<Capture> captures = new ArrayList<>();
  private Path socket;
  private Optional<ServerSocketChannel> server = Optional.empty();

  @BeforeEach
  void listen() throws IOException {
    socket = directory.resolve("events");
    server = Optional.of(open());
  }

  @AfterEach
  void close() throws IOException {
    captures.forEach(capture -> capture.close(List.of()));
    server.orElseThrow().close();
  }

  @Test
  void anyChunksOverSeveralConnections_areTheSameBytes() throws Exception {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    Capture capture = start();
    StringBuilder sent = new StringBuilder();
    for (int connection = 0; connection < 5; connection++) {
      StringBuilder text = new StringBuilder();
      for (int i = random.nextInt(400); i >= 0; i--) {
        text.append(line(connection * 1000 + i, random.nextInt(i % 50 == 0 ? 100_000 : 300)));
      }
      try (SocketChannel auditd = accept()) {
        byte[] bytes = text.toString().getBytes(StandardCharsets.ISO_8859_1);
        for (int from = 0; from < bytes.length; ) {
          int size = Math.min(bytes.length - from, 1 + random.nextInt(20_000));
          send(auditd, bytes, from, size);
          from += size;
        }
      }
      sent.append(text);
      await("seed " + seed, () -> text().equals(sent.toString()));
    }
    assertThat(capture.report().status().getUnstamped()).isZero();
    capture.close(List.of());
    assertThat(capture.report().written()).isGreaterThan(5);
    assertThat(text()).isEqualTo(sent.toString());
  }

  @Test
  void lineTornAtTheDisconnect_isALineOfItsOwnAndCounted() throws Exception {
    Capture capture = start();
    try (SocketChannel auditd = accept()) {
      send(auditd, "type=A msg=audit(1.000:1): whole\ntype=A msg=aud");
    }
    try (SocketChannel auditd = accept()) {
      send(auditd, "type=B msg=audit(1.000:2): next\n");
      String wanted =
          "type=A msg=audit(1.000:1): whole\ntype=A msg=aud\ntype=B msg=audit(1.000:2): next\n";
      await("the next line", () -> text().equals(wanted));
    }
    CaptureReport report = capture.report();
    assertThat(report.status().getUnstamped()).isEqualTo(1);
    assertThat(report.status().getReattached()).isEqualTo(1);
    assertThat(report.received()).isEqualTo(3);
    assertThat(report.written()).isEqualTo(3);
  }

  @Test
  void whatWasSentBeforeTheEnd_isTakenBeforeIt() throws Exception {
    for (int round = 0; round < 5; round++) {
      Capture capture = start();
      StringBuilder sent = new StringBuilder(text());
      try (SocketChannel auditd = accept()) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < 500; i++) {
          text.append(line(i, 200)); // fits into the socket's buffer
        }
        send(auditd, text.append("type=DAEMON_END msg=audit(1.000:9): op=terminate\n").toString());
        sent.append(text);
        capture.close(List.of());
      }
      assertThat(text()).as("round %s", round).isEqualTo(sent.toString());
      assertThat(capture.isRunning()).isFalse();
    }
  }

  @Test
  void whoCannotKeepWhatComes_takesNothing() throws Exception {
    try (TrailWriter other = writer()) {
      other.open();
      Capture capture = start();
      try (SocketChannel auditd = accept()) {
        await("refused", () -> capture.report().error().isPresent());
        assertThat(capture.report().running()).isFalse();
        assertThat(auditd.read(ByteBuffer.allocate(1))).as("it let go").isEqualTo(-1);
      }
      assertThat(capture.report().received()).isZero();
    }
    String wanted = line(7, 10);
    long deadline = System.nanoTime() + DEADLINE.toNanos();
    while (!text().equals(wanted)) { // connections it has given up wait to be accepted, too
      assertThat(System.nanoTime()).isLessThan(deadline);
      try (SocketChannel auditd = accept()) {
        send(auditd, wanted);
        for (int i = 0; i < 100 && !text().equals(wanted); i++) {
          TimeUnit.MILLISECONDS.sleep(5);
        }
      } catch (IOException e) {
        // it was one of those
      }
    }
  }

  @Test
  void socketThatComesLater_isConnectedToSoon() throws Exception {
    server.orElseThrow().close();
    Files.delete(socket);
    Capture capture = start();
    await("refused", () -> capture.report().error().isPresent());
    // Longer than the pauses of other sources would take to grow beyond a second.
    TimeUnit.MILLISECONDS.sleep(2500);
    server = Optional.of(open());
    long opened = System.nanoTime();
    try (SocketChannel auditd = accept()) {
      assertThat(Duration.ofNanos(System.nanoTime() - opened))
          .isLessThan(Duration.ofSeconds(2)); // a second and a busy host
      send(auditd, line(1, 1));
      await("a line", () -> text().equals(line(1, 1)));
      assertThat(capture.report().error()).isEmpty();
    }
  }

  private ServerSocketChannel open() throws IOException {
    return ServerSocketChannel.open(StandardProtocolFamily.UNIX)
        .bind(UnixDomainSocketAddress.of(socket));
  }

  private SocketChannel accept() throws IOException {
    return server.orElseThrow().accept();
  }

  private Capture start() {
    Capture capture =
        new AudispCapture("auditd", Optional.of(socket), writer(), new CaptureTotals());
    captures.add(capture);
    capture.start();
    return capture;
  }

  private TrailWriter writer() {
    return new TrailWriter(
        new TrailSettings(
            directory.resolve("trails"),
            Optional.empty(),
            1L << 30,
            Duration.ofHours(1),
            new FlushPolicy.None(),
            0,
            OnFull.BLOCK,
            Duration.ofHours(24)),
        _ -> false,
        InstantSource.system(),
        System::nanoTime);
  }

  private static String line(int serial, int length) {
    return "type=USER msg=audit(1.000:" + serial + "): " + "x".repeat(length) + "\n";
  }

  private static void send(SocketChannel to, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
    send(to, bytes, 0, bytes.length);
  }

  private static void send(SocketChannel to, byte[] bytes, int from, int size) throws IOException {
    ByteBuffer left = ByteBuffer.wrap(bytes, from, size);
    while (left.hasRemaining()) {
      to.write(left);
    }
  }

  private static void await(String what, Callable<Boolean> condition) throws Exception {
    long deadline = System.nanoTime() + DEADLINE.toNanos();
    while (!condition.call()) {
      assertThat(System.nanoTime()).as("not in %s: %s", DEADLINE, what).isLessThan(deadline);
      TimeUnit.MILLISECONDS.sleep(5);
    }
  }

  /** The bytes of all trails. */
  private String text() throws IOException {
    Path trails = directory.resolve("trails");
    if (!Files.exists(trails)) {
      return "";
    }
    StringBuilder text = new StringBuilder();
    try (Stream<Path> files = Files.list(trails)) {
      for (Path file :
          files.filter(path -> !path.getFileName().toString().startsWith(".")).sorted().toList()) {
        text.append(Files.readString(file, StandardCharsets.ISO_8859_1));
      }
    }
    return text.toString();
  }
}
