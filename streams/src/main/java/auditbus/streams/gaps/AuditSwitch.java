// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.Outcome;
import auditbus.schemas.Subject;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * A record says that auditing was switched on or off.
 *
 * <p>Linux: {@code CONFIG_CHANGE … op=set audit_enabled=0 old=1 auid=1000 ses=3 res=1}; only the
 * kernel writes records of this type, and a rule's key with a blank in it is in hexadecimal, so a
 * word at the right place is the kernel's. BSM: {@code AUE_AUDITON_SETCOND} with its argument token
 *
 * <pre>
 *   0x2d  number(1)  value(4)  length(2) = 8  "setcond\0"      32 bit
 *   0x71  number(1)  value(8)  length(2) = 8  "setcond\0"      64 bit
 * </pre>
 *
 * whose value is AUC_AUDITING (1), AUC_NOAUDIT (2) or AUC_DISABLED (-1).
 *
 * @param atMicros its event time
 * @param serial the kernel's number of it, 0 in BSM
 * @param on whether auditing was on after it
 * @param who whom the record names, in words
 * @param boot boot id, empty where not known
 * @param node the node auditd named, empty where it named none, or the host itself
 */
record AuditSwitch(long atMicros, long serial, boolean on, String who, String boot, String node) {
  static final int CONFIG_CHANGE = 1305;
  static final int SETCOND = 230;

  private static final int MAX_BOOT = 64;
  private static final int MAX_NODE = 128;
  private static final int UNSET = -1;
  private static final String SETCOND_TEXT = "setcond\0";
  private static final int ARG32 = 0x2d;
  private static final int ARG64 = 0x71;
  private static final int AUDITING = 1;

  /** What a CONFIG_CHANGE record says, empty if it is of something else or changed nothing. */
  static Optional<AuditSwitch> linux(AuditEvent event, AuditRecord record) {
    String text = text(record);
    int end = text.indexOf('\u001d');
    String enabled = null;
    String old = "";
    String res = "";
    long auid = UNSET;
    long session = UNSET;
    for (String word : (end < 0 ? text : text.substring(0, end)).split("[ \n]", -1)) {
      int equals = word.indexOf('=');
      String value = word.substring(equals + 1);
      switch (equals < 0 ? "" : word.substring(0, equals)) {
        case "audit_enabled" -> enabled = enabled == null ? value : enabled;
        case "old" -> old = value;
        case "res" -> res = value;
        case "auid" -> auid = id(value);
        case "ses" -> session = id(value);
        default -> {}
      }
    }
    if (enabled == null || !res.equals("1") || event.getTime().isEmpty()) {
      return Optional.empty();
    }
    boolean on = !enabled.equals("0");
    if (!on && old.equals("0")) {
      return Optional.empty(); // off it was before
    }
    return Optional.of(of(event, on, auid, session));
  }

  /** What an AUE_AUDITON_SETCOND record says, empty if it failed or cannot be read. */
  static Optional<AuditSwitch> bsm(AuditEvent event, AuditRecord record) {
    String text = text(record);
    int name = text.indexOf(SETCOND_TEXT);
    boolean arg32 = name >= 8 && text.charAt(name - 8) == ARG32;
    boolean arg64 = name >= 12 && text.charAt(name - 12) == ARG64;
    if (!(arg32 || arg64) || event.getOutcome() != Outcome.SUCCESS || event.getTime().isEmpty()) {
      return Optional.empty();
    }
    int value = ByteBuffer.wrap(text.getBytes(StandardCharsets.ISO_8859_1)).getInt(name - 6);
    Subject subject = event.getSubject().orElseGet(Subject::new);
    return Optional.of(
        of(
            event,
            value == AUDITING,
            subject.getAuid().orElse((long) UNSET),
            subject.getSession().orElse((long) UNSET)));
  }

  private static AuditSwitch of(AuditEvent event, boolean on, long auid, long session) {
    String who =
        (auid == UNSET ? "a process without login uid" : "auid " + auid)
            + (session == UNSET ? "" : ", session " + session);
    return new AuditSwitch(
        Draft.micros(event.getTime().orElseThrow()),
        event.getSerial(),
        on,
        who,
        Draft.cut(event.getBoot().orElse(""), MAX_BOOT),
        Draft.cut(node(event), MAX_NODE));
  }

  /** The node auditd named, empty where it named none, or the host itself. */
  static String node(AuditEvent event) {
    return event.getNode().filter(name -> !name.equalsIgnoreCase(event.getHost())).orElse("");
  }

  private static String text(AuditRecord record) {
    return StandardCharsets.ISO_8859_1.decode(record.getRaw().duplicate()).toString();
  }

  private static long id(String text) {
    if (!text.matches("[0-9]{1,10}")) {
      return UNSET;
    }
    long id = Long.parseLong(text);
    return id >= 4294967295L ? UNSET : id;
  }
}
