// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import java.util.Locale;

/** Numbers as people read them. */
final class Amounts {
  private Amounts() {}

  /** 12,345. */
  static String count(long number) {
    return String.format(Locale.ROOT, "%,d", number);
  }

  /** "1 event", "2 events". */
  static String count(long number, String noun) {
    return count(number) + " " + noun + (number == 1 ? "" : "s");
  }

  /** 999 B, 22.1 kB, 430.1 MB: decimal units. */
  static String bytes(long bytes) {
    if (bytes < 1000) {
      return bytes + " B";
    }
    double amount = bytes;
    String[] units = {"kB", "MB", "GB", "TB"};
    int unit = -1;
    do {
      amount /= 1000;
      unit++;
    } while (amount >= 999.95 && unit < units.length - 1);
    return String.format(Locale.ROOT, "%.1f %s", amount, units[unit]);
  }
}
