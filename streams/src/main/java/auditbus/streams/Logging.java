// SPDX-License-Identifier: Apache-2.0
package auditbus.streams;

/**
 * What the command line logs: its own doings, and of Kafka's only what is wrong.
 *
 * <p>Stateless.
 */
final class Logging {
  private static final String PREFIX = "org.slf4j.simpleLogger.";

  private Logging() {}

  /** Sets what the user did not; before the first logger is made. */
  static void quiet() {
    set("defaultLogLevel", "error");
    set("log.auditbus", "info");
    set("log.org.apache.kafka.streams.errors", "warn");
    set("showDateTime", "true");
    set("dateTimeFormat", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX");
    set("showThreadName", "false");
    set("showShortLogName", "true");
  }

  private static void set(String name, String value) {
    if (System.getProperty(PREFIX + name) == null) {
      System.setProperty(PREFIX + name, value);
    }
  }
}
