// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Random;

/** An audit.log of execve events as a busy host writes it. */
final class GeneratedLog {
  private static final long FIRST_SECOND = 1_795_170_528L;

  private GeneratedLog() {}

  /**
   * Writes whole events until the file has at least so many bytes.
   *
   * @return the number of events
   */
  static int write(Path file, long bytes, long seed) throws IOException {
    Random random = new Random(seed);
    long written = 0;
    int events = 0;
    try (BufferedWriter writer = Files.newBufferedWriter(file, StandardCharsets.US_ASCII)) {
      while (written < bytes) {
        String event = event(events, random);
        writer.write(event);
        written += event.length();
        events++;
      }
    }
    return events;
  }

  private static String event(int number, Random random) {
    String stamp =
        String.format(
            Locale.ROOT,
            "msg=audit(%d.%03d:%d):",
            FIRST_SECOND + number / 1000,
            number % 1000,
            number + 1);
    int pid = 1000 + random.nextInt(30_000);
    String argument = Long.toHexString(random.nextLong());
    return "type=SYSCALL "
        + stamp
        + " arch=c000003e syscall=59 success=yes exit=0 a0=55d1 a1=55d2 a2=55d3 a3=8 items=2 ppid="
        + (pid - 1)
        + " pid="
        + pid
        + " auid=1000 uid=1000 gid=1000 euid=1000 suid=1000 fsuid=1000 egid=1000 sgid=1000"
        + " fsgid=1000 tty=pts0 ses=3 comm=\"ls\" exe=\"/usr/bin/ls\" key=\"exec\"\n"
        + "type=EXECVE "
        + stamp
        + " argc=3 a0=\"ls\" a1=\"-l\" a2=\""
        + argument
        + "\"\n"
        + "type=CWD "
        + stamp
        + " cwd=\"/home/user\"\n"
        + "type=PATH "
        + stamp
        + " item=0 name=\"/usr/bin/ls\" inode=393 dev=fe:01 mode=0100755 ouid=0 ogid=0 rdev=00:00"
        + " nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0\n"
        + "type=PATH "
        + stamp
        + " item=1 name=\"/lib64/ld-linux-x86-64.so.2\" inode=1066 dev=fe:01 mode=0100755 ouid=0"
        + " ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0\n"
        + "type=PROCTITLE "
        + stamp
        + " proctitle=6C73002D6C\n";
  }
}
