// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Random;

/**
 * Writes an audit log as auditd writes it: {@code AuditLog FILE MEGABYTES [SEED]}.
 *
 * <p>Each event is an execve of seven records with auditd's ENRICHED fields, the shape other
 * agents' figures are for. The same seed makes the same bytes.
 */
public final class AuditLog {
  private static final char ENRICHED = 0x1d;

  private AuditLog() {}

  /** Writes the file, prints events and bytes. */
  public static void main(String[] args) throws IOException {
    if (args.length < 2) {
      System.err.println("usage: AuditLog FILE MEGABYTES [SEED]");
      System.exit(2);
    }
    long wanted = Long.parseLong(args[1]) * 1_000_000;
    Random random = new Random(args.length > 2 ? Long.parseLong(args[2]) : 1);
    long written = 0;
    long events = 0;
    try (OutputStream out =
        new BufferedOutputStream(Files.newOutputStream(Path.of(args[0])), 1 << 20)) {
      for (; written < wanted; events++) {
        byte[] event = event(random, events).getBytes(StandardCharsets.UTF_8);
        out.write(event);
        written += event.length;
      }
    }
    System.out.println(events + " events, " + written + " bytes in " + args[0]);
  }

  static String event(Random random, long number) {
    String stamp =
        String.format(
            Locale.ROOT,
            "msg=audit(%d.%03d:%d): ",
            1_795_170_000 + number / 250,
            number % 250 * 4,
            1000 + number);
    int pid = 2000 + random.nextInt(30_000);
    int inode = 100_000 + random.nextInt(900_000);
    String program = "/usr/bin/program" + random.nextInt(500);
    String argument = "--option-" + Integer.toHexString(random.nextInt());
    String title =
        HexFormat.of()
            .withUpperCase()
            .formatHex((program + "\0" + argument).getBytes(StandardCharsets.UTF_8));
    String ids = "auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0";
    String names =
        ENRICHED
            + "ARCH=x86_64 SYSCALL=execve AUID=\"admin\" UID=\"root\" GID=\"root\" EUID=\"root\" SUID=\"root\""
            + " FSUID=\"root\" EGID=\"root\" SGID=\"root\" FSGID=\"root\"\n";
    String path =
        " inode="
            + inode
            + " dev=fe:00 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0"
            + " cap_fver=0 cap_frootid=0"
            + ENRICHED
            + "OUID=\"root\" OGID=\"root\"\n";
    return "type=SYSCALL "
        + stamp
        + "arch=c000003e syscall=59 success=yes exit=0 a0="
        + Long.toHexString(0x55d0_0000_0000L + random.nextInt())
        + " a1=55d1c2a3b4c0 a2=55d1c2a3b500 a3=8 items=2 ppid="
        + (pid - 1)
        + " pid="
        + pid
        + " "
        + ids
        + " tty=pts0 ses=3 comm=\"program\" exe=\""
        + program
        + "\" key=\"exec\""
        + names
        + "type=EXECVE "
        + stamp
        + "argc=2 a0=\""
        + program
        + "\" a1=\""
        + argument
        + "\"\n"
        + "type=CWD "
        + stamp
        + "cwd=\"/home/admin\"\n"
        + "type=PATH "
        + stamp
        + "item=0 name=\""
        + program
        + "\""
        + path
        + "type=PATH "
        + stamp
        + "item=1 name=\"/lib64/ld-linux-x86-64.so.2\""
        + path
        + "type=PROCTITLE "
        + stamp
        + "proctitle="
        + title
        + "\n"
        + "type=EOE "
        + stamp
        + "\n";
  }
}
