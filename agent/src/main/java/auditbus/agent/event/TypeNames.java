// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.event;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * What auditd calls the record types of linux/audit.h in its text (audit-userspace {@code
 * lib/msg_typetab.h}).
 *
 * <p>Thread-safe.
 */
public final class TypeNames {
  private static final String RESOURCE = "record-types.tsv";
  private static final Map<Integer, String> NAMES = read();

  private TypeNames() {}

  /** Names by number; unmodifiable. */
  public static Map<Integer, String> byNumber() {
    return NAMES;
  }

  /** The name of a number, {@code UNKNOWN[n]} where it has none. */
  public static String of(int number) {
    String name = NAMES.get(number);
    return name == null ? "UNKNOWN[" + number + "]" : name;
  }

  private static Map<Integer, String> read() {
    Map<Integer, String> names = new TreeMap<>();
    try (InputStream in = TypeNames.class.getResourceAsStream(RESOURCE);
        BufferedReader lines =
            new BufferedReader(new InputStreamReader(in, StandardCharsets.US_ASCII))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        int tab = line.indexOf('\t');
        names.put(Integer.valueOf(line.substring(0, tab)), line.substring(tab + 1));
      }
    } catch (IOException e) {
      throw new UncheckedIOException("resource " + RESOURCE, e);
    }
    return Collections.unmodifiableMap(names);
  }
}
