// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.shutdown;

import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Which commands ask for an audit daemon's end, or the system's: systemctl, service, initctl,
 * rc-service, init scripts, auditctl, audit, shutdown and its kin.
 *
 * <p>A command is known by the name of the file that was executed, never by its argument 0, which
 * whoever executes it may choose.
 *
 * <p>Thread-safe: stateless.
 */
final class Commands {
  /** Of the words of a command line no more are looked at. */
  static final int MAX_WORDS = 16;

  private static final int MAX_TEXT = 120;

  private static final String SUFFIX = ".service";

  /** Services that may be the audit daemon; that of an agent which only sends is not. */
  private static final Set<String> OWN =
      Set.of(FactReader.AUDITBUS, "auditbus-agent", "auditbus-capture");

  private static final Set<String> SERVICE =
      Set.of("systemctl", "service", "initctl", "rc-service", "stop", "restart");
  private static final Set<String> SYSTEM = Set.of("shutdown", "reboot", "halt", "poweroff");
  private static final Set<String> INIT = Set.of("init", "telinit");
  private static final Set<String> VERBS =
      Set.of(
          "stop",
          "restart",
          "kill",
          "try-restart",
          "condrestart",
          "reload-or-restart",
          "onestop",
          "onerestart",
          "forcestop",
          "faststop");
  private static final Set<String> SYSTEM_VERBS =
      Set.of("poweroff", "reboot", "halt", "kexec", "soft-reboot", "rescue", "emergency");
  // What only warns, cancels, writes wtmp or explains.
  private static final Set<String> HARMLESS =
      Set.of("-c", "-k", "-w", "--wtmp-only", "--help", "--version", "--show");
  private static final Set<String> LEVELS = Set.of("0", "1", "6", "s", "S");

  private Commands() {}

  /**
   * A request.
   *
   * @param what the command line, bounded
   * @param daemon the daemon it is about, or null: the system
   */
  record Asked(String what, String daemon) {}

  /** Whether a file of that name may be such a command: all others need no look at their words. */
  static boolean isOne(String name) {
    return SERVICE.contains(name)
        || SYSTEM.contains(name)
        || INIT.contains(name)
        || name.equals("auditctl")
        || name.equals("audit")
        || name.equals(FactReader.AUDITD);
  }

  /**
   * What the command asks for, if it is the end of a daemon or of the system.
   *
   * @param name name of the file executed, without its directory
   * @param words the arguments, the command's own name first
   */
  static Optional<Asked> read(String name, List<String> words) {
    List<String> rest = words.isEmpty() ? words : words.subList(1, words.size());
    if (SERVICE.contains(name)) {
      return service(name, rest)
          .or(
              () ->
                  name.equals("systemctl") && rest.stream().anyMatch(SYSTEM_VERBS::contains)
                      ? Optional.of(asked(name, rest, null))
                      : Optional.empty());
    }
    boolean system =
        SYSTEM.contains(name)
            ? rest.stream().noneMatch(HARMLESS::contains)
            : INIT.contains(name) && rest.stream().anyMatch(LEVELS::contains);
    boolean daemon =
        switch (name) {
          case "auditctl" ->
              rest.stream().anyMatch(word -> word.startsWith("--signal"))
                  && rest.stream()
                      .map(word -> word.substring(word.indexOf('=') + 1))
                      .anyMatch(Set.of("stop", "term", "TERM")::contains);
          case "audit" -> rest.contains("-t");
          case FactReader.AUDITD -> rest.stream().anyMatch(VERBS::contains); // an init script
          default -> false;
        };
    return system || daemon
        ? Optional.of(asked(name, rest, daemon ? FactReader.AUDITD : null))
        : Optional.empty();
  }

  private static Optional<Asked> service(String name, List<String> words) {
    if (!VERBS.contains(name) && words.stream().noneMatch(VERBS::contains)) {
      return Optional.empty();
    }
    return words.stream()
        .map(Commands::daemonOf)
        .flatMap(Optional::stream)
        .findFirst()
        .map(daemon -> asked(name, words, daemon));
  }

  /** The daemon a service is of, with {@code .service} or without. */
  static Optional<String> daemonOf(String unit) {
    String name = unit.endsWith(SUFFIX) ? unit.substring(0, unit.length() - SUFFIX.length()) : unit;
    if (name.equals(FactReader.AUDITD)) {
      return Optional.of(FactReader.AUDITD);
    }
    return OWN.contains(name) ? Optional.of(FactReader.AUDITBUS) : Optional.empty();
  }

  private static Asked asked(String name, List<String> words, String daemon) {
    String line = words.isEmpty() ? name : name + " " + String.join(" ", words);
    return new Asked(FactReader.bounded(line, MAX_TEXT), daemon);
  }
}
