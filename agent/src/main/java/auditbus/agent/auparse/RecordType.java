// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import auditbus.agent.event.TypeNames;
import java.nio.charset.StandardCharsets;

/**
 * A record type of linux/audit.h: its number, its name, and how its records make up events.
 *
 * <p>Ranges: 1000-1099 control, 1100-1199 user, 1200-1299 the audit daemon's own, 1300-1399 kernel
 * events, 1400 SELinux, 1500 AppArmor, 1600 cryptography, 1700 anomalies, 1800 integrity, 2000
 * KERNEL, from 2100 user space.
 *
 * @param number the type's number, 0 where only a name is known, -1 for {@link #UNPARSED}
 * @param name the name auditd writes, {@code UNKNOWN[n]} for a number without one
 */
record RecordType(int number, String name) {
  static final int USER_TTY = 1124;
  static final int SYSCALL = 1300;
  static final int PATH = 1302;
  static final int SOCKADDR = 1306;
  static final int EXECVE = 1309;
  static final int MQ_OPEN = 1312;
  static final int OBJ_PID = 1318;
  static final int TTY = 1319;
  static final int EOE = 1320;
  static final int SECCOMP = 1326;
  static final int PROCTITLE = 1327;
  static final int URINGOP = 1336;
  static final int AVC = 1400;
  static final int KERNEL = 2000;

  private static final int LOGIN = 1006;
  private static final int FIRST_DAEMON = 1200;
  private static final int FIRST_KERNEL = 1300;
  private static final int FIRST_USER_2 = 2100;

  /** What could not be read as a record. */
  static final RecordType UNPARSED = new RecordType(-1, "UNPARSED");

  /** The one record type of the audit daemon of 2005, which has no number. */
  static final RecordType LEGACY_DAEMON = new RecordType(0, "DAEMON");

  /** The type a range of bytes names; any word is one, an unknown one has number 0. */
  static RecordType named(byte[] bytes, int from, int to) {
    RecordType known = Table.NAMES.get(bytes, from, to);
    if (known != null) {
      return known;
    }
    String name = new String(bytes, from, to - from, StandardCharsets.ISO_8859_1);
    boolean bracketed = name.startsWith("UNKNOWN[") && name.endsWith("]");
    long number =
        Numbers.decimal(bracketed ? name.substring("UNKNOWN[".length(), name.length() - 1) : name);
    if (number < 1 || number > 65_535) {
      return new RecordType(0, name);
    }
    RecordType numbered = Table.NUMBERS[(int) number];
    return numbered != null ? numbered : new RecordType((int) number, TypeNames.of((int) number));
  }

  /** True for a record that is a whole event: the kernel never adds another to it. */
  boolean standsAlone() {
    if (number <= 0) {
      return equals(LEGACY_DAEMON);
    }
    return (number < FIRST_KERNEL && number != LOGIN)
        || (number >= 1406 && number <= 1418)
        || number == KERNEL
        || number >= FIRST_USER_2;
  }

  /** True for the audit daemon's own records, whose serials are its own. */
  boolean isDaemon() {
    return (number >= FIRST_DAEMON && number < FIRST_KERNEL) || equals(LEGACY_DAEMON);
  }

  /** True for what user space sent: the kernel wrote a prefix, the sender all the rest. */
  boolean isUser() {
    return (number > 0 && number < FIRST_DAEMON && number != LOGIN) || number >= FIRST_USER_2;
  }

  /** True for the record that tells of the call itself and counts the PATH records. */
  boolean isCall() {
    return number == SYSCALL || number == URINGOP;
  }

  /** True for AVC and AppArmor records, of a form of their own. */
  boolean isAccessControl() {
    return number == AVC || (number >= 1500 && number < 1600);
  }

  /** True for what only ever adds to another record: without it the event is a fragment. */
  boolean isAuxiliary() {
    return switch (number) {
      case PATH, 1303, 1304, SOCKADDR, 1307, EXECVE, 1311, 1312, 1313, 1314, 1315, 1317 -> true;
      case OBJ_PID, EOE, 1321, 1322, 1323, PROCTITLE, 1337, 1402 -> true;
      default -> false;
    };
  }

  /** By name and number. */
  private static final class Table {
    static final ByteTable<RecordType> NAMES = new ByteTable<>();
    static final RecordType[] NUMBERS = new RecordType[65_536];

    static {
      TypeNames.byNumber()
          .forEach(
              (number, name) -> {
                RecordType type = new RecordType(number, name);
                NAMES.put(name, type);
                NUMBERS[number] = type;
              });
      NAMES.put(LEGACY_DAEMON.name, LEGACY_DAEMON);
    }
  }
}
