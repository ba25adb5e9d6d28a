// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Real signals to a JVM of their own. */
class SignalsTest {
  private Optional<Process> child = Optional.empty();

  /** Prints what is delivered to it, until INT; then closes and waits to be killed. */
  static final class Child {
    private Child() {}

    public static void main(String[] arguments) throws InterruptedException, IOException {
      try (Signals signals = new Signals(InstantSource.system())) {
        try {
          signals.install();
        } catch (IllegalStateException e) {
          System.out.println("error " + e.getMessage());
          return;
        }
        System.out.println("ready ignored=" + signals.ignored());
        int wait = arguments.length == 0 ? 0 : System.in.read();
        for (HandledSignal last = HandledSignal.HUP; last != HandledSignal.INT; ) {
          Optional<Signals.Delivery> next = signals.poll(Duration.ofSeconds(30));
          if (next.isEmpty()) {
            System.out.println("nothing came");
            return;
          }
          last = next.get().signal();
          long agoMillis = (System.nanoTime() - next.get().nanoTime()) / 1_000_000;
          System.out.println(
              last + " " + (wait > 0 || agoMillis < 5_000) + " " + next.get().time());
        }
        System.out.println("dropped=" + signals.dropped());
      }
      System.out.println("closed");
      Thread.sleep(Duration.ofSeconds(60));
    }
  }

  @AfterEach
  void end() {
    child.ifPresent(Process::destroyForcibly);
  }

  private BufferedReader start(List<String> before, List<String> flags, String... arguments)
      throws IOException {
    List<String> command = new ArrayList<>(before);
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(flags);
    command.addAll(
        List.of(
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-cp",
            System.getProperty("java.class.path"),
            Child.class.getName()));
    command.addAll(List.of(arguments));
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    child = Optional.of(process);
    return process.inputReader(StandardCharsets.UTF_8);
  }

  private void send(String signal) throws IOException, InterruptedException {
    Process kill =
        new ProcessBuilder("kill", "-" + signal, Long.toString(child.orElseThrow().pid()))
            .inheritIO()
            .start();
    assertThat(kill.waitFor()).isZero();
  }

  @Test
  void signals_areHandedOnInOrderWithTheirTime() throws IOException, InterruptedException {
    Instant before = Instant.now();
    BufferedReader output = start(List.of(), List.of());
    assertThat(output.readLine()).isEqualTo("ready ignored=[]");
    for (String signal : List.of("HUP", "USR1", "USR2", "CONT", "TERM", "HUP", "INT")) {
      send(signal);
      String[] line = output.readLine().split(" ", -1);
      assertThat(line[0]).isEqualTo(signal);
      assertThat(line[1]).isEqualTo("true");
      assertThat(Instant.parse(line[2])).isBetween(before, Instant.now());
    }
    assertThat(output.readLine()).isEqualTo("dropped=0");
    assertThat(output.readLine()).isEqualTo("closed");
    send("TERM"); // the JVM has it back
    assertThat(child.orElseThrow().waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(child.orElseThrow().exitValue()).isEqualTo(128 + 15);
  }

  @Test
  void floodOfOneSignal_leavesRoomForAnother() throws IOException, InterruptedException {
    BufferedReader output = start(List.of(), List.of(), "wait");
    assertThat(output.readLine()).isEqualTo("ready ignored=[]");
    for (int i = 0; i < 100; i++) {
      send("HUP");
    }
    send("TERM");
    // Nothing shows from outside that a signal was handed over: TERM's thread is started after
    // HUP's.
    child.orElseThrow().getOutputStream().write('x');
    child.orElseThrow().getOutputStream().flush();
    List<String> lines = new ArrayList<>();
    String line;
    boolean asked = false;
    while ((line = output.readLine()) != null && !line.equals("closed")) {
      lines.add(line.split(" ", -1)[0]);
      if (lines.contains("TERM") && !asked) {
        send("INT");
        asked = true;
      }
    }
    assertThat(lines).contains("HUP", "TERM", "INT");
    assertThat(lines).filteredOn("HUP"::equals).hasSizeBetween(1, 100);
  }

  @Test
  void jvmThatKeepsSignals_isOneClearError() throws IOException, InterruptedException {
    BufferedReader output = start(List.of(), List.of("-Xrs"));
    assertThat(output.readLine())
        .startsWith("error SIGHUP cannot be handled")
        .contains("start the JVM without -Xrs");
    assertThat(child.orElseThrow().waitFor(30, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void inheritedIgnore_isTold() throws IOException, InterruptedException {
    BufferedReader output = start(List.of("nohup"), List.of());
    assertThat(output.readLine()).isEqualTo("ready ignored=[HUP]");
    send("HUP");
    send("INT");
    assertThat(output.readLine()).startsWith("INT true");
  }
}
