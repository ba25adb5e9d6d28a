// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/** Logs of real kernels in which audit daemons are signalled, and lines like theirs. */
final class KillSamples {
  private static final Path ROOT = Path.of("src/test/resources/samples");

  private KillSamples() {}

  /** A sample as the agent would have written it: record types by name. */
  static byte[] bytes(String name) {
    try {
      String text = Files.readString(ROOT.resolve(name), StandardCharsets.ISO_8859_1);
      for (var type : Map.of("1300", "SYSCALL", "1318", "OBJ_PID").entrySet()) {
        text = text.replace("type=" + type.getKey() + " ", "type=" + type.getValue() + " ");
      }
      return text.getBytes(StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static List<KillEvent> find(byte[] bytes, int pid) {
    List<KillEvent> found = new ArrayList<>();
    new KillFinder(opid -> opid == pid, String::isEmpty, 100)
        .scan(bytes, 0, bytes.length, found::add);
    return found;
  }

  static List<KillEvent> find(String text, int pid) {
    return find(text.getBytes(StandardCharsets.ISO_8859_1), pid);
  }

  /** {@code SERIAL signal=N success auid= uid= ses= pid= ARCH/SYSCALL}, - for unset. */
  static String line(KillEvent event) {
    return "%d signal=%d %s auid=%s uid=%d ses=%s pid=%d %s/%d"
        .formatted(
            event.serial(),
            event.signal(),
            event.success() ? "yes" : "no",
            text(event.auid()),
            event.uid(),
            text(event.session()),
            event.pid(),
            event.arch(),
            event.syscall());
  }

  private static String text(OptionalLong id) {
    return id.isPresent() ? Long.toString(id.getAsLong()) : "-";
  }

  /** The two lines of a kill, with a record between that ends events. */
  static String kill(long serial, int signal, boolean success, long auid, int pid, int target) {
    String stamp = "msg=audit(1795170528.496:" + serial + "): ";
    return "type=SYSCALL "
        + stamp
        + "arch=c000003e syscall=62 success="
        + (success ? "yes exit=0" : "no exit=-1")
        + " a0="
        + Integer.toHexString(target)
        + " a1="
        + Integer.toHexString(signal)
        + " a2=0 a3=7f7a800a9ac0 items=0 ppid=19280 pid="
        + pid
        + " auid="
        + auid
        + " uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=2 comm=\"kill\""
        + " exe=\"/usr/bin/kill\" key=\"sig\"\n"
        + "type=OBJ_PID "
        + stamp
        + "opid="
        + target
        + " oauid=-1 ouid=0 oses=-1 ocomm=\"java\"\n"
        + "type=PROCTITLE "
        + stamp
        + "proctitle=2F62696E2F6B696C6C002D5445524D003139333230\n";
  }
}
