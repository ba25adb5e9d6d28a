// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.netlink;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** What tests have done by another JVM: one line of output per line of input. */
final class ChildProgram {
  private ChildProgram() {}

  /** The command that runs it. */
  static List<String> command(String... before) throws URISyntaxException {
    List<String> command = new ArrayList<>(Arrays.asList(before));
    command.addAll(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-Xmx64m",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            classes(LibC.class) + ":" + classes(ChildProgram.class),
            ChildProgram.class.getName()));
    return command;
  }

  static Child start(String... before) throws IOException, URISyntaxException {
    return new Child(
        new ProcessBuilder(command(before)).redirectError(ProcessBuilder.Redirect.INHERIT).start());
  }

  /** One that runs; closing kills it. */
  record Child(Process process) implements AutoCloseable {
    /** Has it do something: its answer. */
    String tell(String line) throws IOException {
      process.outputWriter().write(line + "\n");
      process.outputWriter().flush();
      String answer = process.inputReader().readLine();
      if (answer == null) {
        throw new AssertionError("the child is gone, it was told " + line);
      }
      return answer;
    }

    long pid() {
      return process.pid();
    }

    @Override
    public void close() {
      process.destroyForcibly().onExit().join();
    }
  }

  private static Path classes(Class<?> of) throws URISyntaxException {
    return Path.of(of.getProtectionDomain().getCodeSource().getLocation().toURI());
  }

  public static void main(String[] arguments) throws IOException {
    AuditSocket socket = null;
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String[] words = line.split(" ", -1);
      String answer = "ok";
      try {
        switch (words[0]) {
          case "register" -> {
            socket = AuditSocket.unicast(1 << 20);
            socket.register(new MessageBatch(), _ -> {});
          }
          case "multicast" -> socket = AuditSocket.multicast(1 << 20);
          case "inherited" -> socket = AuditSocket.inherited(Integer.parseInt(words[1]), 1 << 20);
          case "buffer" -> {
            socket = AuditSocket.unicast(64 << 20);
            answer = socket.receiveBufferForced() + " " + socket.receiveBufferBytes();
          }
          case "until" -> {
            List<Received> messages =
                Received.until(socket, message -> message.text().contains(words[1]));
            answer =
                messages.stream().filter(message -> message.sender() == 0).count()
                    + " "
                    + messages.getLast().text();
          }
          case "status" -> {
            try (AuditControl control = AuditControl.open()) {
              answer = control.status().toString();
            }
          }
          case "signal" -> {
            try (AuditControl control = AuditControl.open()) {
              answer = control.signalInfo().toString();
            }
          }
          case "has" ->
              answer =
                  ""
                      + Capabilities.ofThisProcess()
                          .has(Capability.valueOf(words[1].toUpperCase(Locale.ROOT)));
          case "message" -> {
            try (AuditControl control = AuditControl.open()) {
              control.userMessage(1110, words[1]);
            }
          }
          default -> answer = "unknown command " + line;
        }
      } catch (NetlinkException e) {
        answer = "errno " + e.errno() + " " + e.getMessage();
      }
      System.out.println(answer);
    }
  }
}
