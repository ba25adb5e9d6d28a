// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.bsm;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/**
 * What OpenBSM calls its events: numbers and names of {@code etc/audit_event} (OpenBSM, commit
 * 008c354) and, from 43215 on, of {@code sys/bsm/audit_kevents.h} (FreeBSD, commit 022ca2f).
 *
 * <p>Where a number has two names, what decides is: for 301, 6171 and 6172 the header's version,
 * since only Darwin before OpenBSM (version 1) used them as its own; for 6168, which is listed as
 * AUE_shutdown and AUE_poweroff, the first, with AUE_poweroff at 6169, as {@code
 * bsm/audit_uevents.h} has it.
 *
 * <p>Thread-safe.
 */
final class EventNames {
  private static final String RESOURCE = "event-names.tsv";
  private static final int OLD_DARWIN = 1;

  // Numbers come in a few dense runs, so most pages stay null.
  private static final String[][] PAGES = read();

  private EventNames() {}

  /**
   * The name of an event, {@code UNKNOWN[n]} where it has none.
   *
   * @param number 0 to 65535
   * @param version the header's
   */
  static String of(int number, int version) {
    if (version == OLD_DARWIN) {
      switch (number) {
        case 301 -> {
          return "AUE_DARWIN_GETFSSTAT";
        }
        case 6171 -> {
          return "AUE_DARWIN_audit_startup";
        }
        case 6172 -> {
          return "AUE_DARWIN_audit_shutdown";
        }
        default -> {}
      }
    }
    String[] page = PAGES[number >>> 8];
    String name = page == null ? null : page[number & 0xff];
    return name == null ? "UNKNOWN[" + number + "]" : name;
  }

  private static String[][] read() {
    String[][] pages = new String[256][];
    try (InputStream in = EventNames.class.getResourceAsStream(RESOURCE);
        BufferedReader lines =
            new BufferedReader(new InputStreamReader(in, StandardCharsets.US_ASCII))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        int tab = line.indexOf('\t');
        int number = Integer.parseInt(line.substring(0, tab));
        if (pages[number >>> 8] == null) {
          pages[number >>> 8] = new String[256];
        }
        pages[number >>> 8][number & 0xff] = line.substring(tab + 1);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("resource " + RESOURCE, e);
    }
    return pages;
  }
}
