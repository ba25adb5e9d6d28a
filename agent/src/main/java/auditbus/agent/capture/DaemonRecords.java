// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import static java.nio.charset.StandardCharsets.UTF_8;

import auditbus.agent.capture.Processes.Facts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.random.RandomGenerator;

/**
 * Writes what the agent tells about itself as audit daemon, as lines auditd would write, to be read
 * by ausearch and aureport like its:
 *
 * <pre>
 *   type=DAEMON_END msg=audit(1795170528.499:6283): op=terminate auid=1000 uid=0 ses=2 pid=19342
 *     res=success sender=kill-event event=1795170528.496:19 info=agrees info-uid=1000 info-pid=19342
 * </pre>
 *
 * (one line). After auditd's fields stand ours: what the sender is known from ({@code kill-event},
 * {@code signal-info}, {@code unknown}), the stamp of the kill's own event, what the kernel's
 * signal info is worth and what it was, and how many further senders there were.
 *
 * <p>What is unset or not known is 4294967295, a pid that is not known -1, as in auditd's own.
 * Serials are a stream of the agent's own, as auditd's are: from below 10000 on, one more for each
 * record. Text from elsewhere is written in hexadecimal if it is not one plain word, so no line or
 * field can be forged. Not thread-safe.
 */
final class DaemonRecords {
  private static final int FIRST_SERIALS = 10_000;
  private static final int MOST_TEXT_BYTES = 512;

  private final String version;
  private final String kernel;
  private final int ownPid;
  private final Optional<Facts> own;
  private final Optional<String> label;
  private final InstantSource clock;
  private long nextSerial;

  /**
   * Makes records for one run of the agent.
   *
   * @param version the agent's
   * @param kernel the kernel's release
   * @param own what is known of the agent's process
   * @param label the agent's security label, empty on a host without a security module that labels
   * @param firstSerial serial of the first record
   */
  DaemonRecords(
      String version,
      String kernel,
      int ownPid,
      Optional<Facts> own,
      Optional<String> label,
      InstantSource clock,
      long firstSerial) {
    this.version = version;
    this.kernel = kernel;
    this.ownPid = ownPid;
    this.own = own;
    this.label = label;
    this.clock = clock;
    this.nextSerial = firstSerial;
  }

  /** Records of this process, with what /proc says of it. */
  static DaemonRecords ofThisProcess(String version, Path proc, InstantSource clock)
      throws IOException {
    int pid = Math.toIntExact(ProcessHandle.current().pid());
    return new DaemonRecords(
        version,
        Files.readString(proc.resolve("sys/kernel/osrelease")).strip(),
        pid,
        new ProcFiles(proc).find(pid),
        label(proc.resolve("self/attr/current")),
        clock,
        RandomGenerator.getDefault().nextInt(1, FIRST_SERIALS));
  }

  private static Optional<String> label(Path file) {
    try {
      String label = Files.readString(file).replace("\0", "").strip();
      return Optional.of(label).filter(text -> !text.isEmpty());
    } catch (IOException e) {
      return Optional.empty(); // EINVAL: no security module labels processes
    }
  }

  /** The agent has become the audit daemon. */
  String start() {
    return line(
        "DAEMON_START",
        "op=start ver=auditbus-"
            + word(version)
            + " format=raw kernel="
            + word(kernel)
            + ownFields()
            + " res=success");
  }

  /** The agent could not become, or stay, the audit daemon. */
  String abort(String operation, String reason) {
    return line(
        "DAEMON_ABORT", "op=" + word(operation) + ownFields() + " res=failed" + reason(reason));
  }

  /** Something that concerns the trail went wrong. */
  String error(String operation, String reason) {
    return line(
        "DAEMON_ERR", "op=" + word(operation) + ownFields() + " res=failed" + reason(reason));
  }

  /** A configuration was asked for and taken. */
  String reconfigured(Sender sender) {
    return line("DAEMON_CONFIG", "op=reconfigure state=changed" + asked(sender, true));
  }

  /** A configuration was asked for and refused; the one before holds. */
  String reconfigureFailed(Sender sender, String reason) {
    return line(
        "DAEMON_CONFIG", "op=reconfigure state=no-change" + asked(sender, false) + reason(reason));
  }

  /** A new trail was asked for. */
  String rotate(Sender sender, boolean success) {
    return line("DAEMON_ROTATE", "op=rotate-logs" + asked(sender, success));
  }

  /** Writing was asked to go on. */
  String resume(Sender sender, boolean success) {
    return line("DAEMON_RESUME", "op=resume-logging" + asked(sender, success));
  }

  /** The agent ends, because it was asked to. */
  String end(Sender sender) {
    return line("DAEMON_END", "op=terminate" + asked(sender, true));
  }

  private String line(String type, String text) {
    Instant now = clock.instant();
    return String.format(
        Locale.ROOT,
        "type=%s msg=audit(%d.%03d:%d): %s\n",
        type,
        now.getEpochSecond(),
        now.getNano() / 1_000_000,
        nextSerial++,
        text);
  }

  private String ownFields() {
    return " auid="
        + id(own.map(Facts::loginUid).orElse(OptionalLong.empty()))
        + " pid="
        + ownPid
        + " uid="
        + id(own.map(facts -> OptionalLong.of(facts.uid())).orElse(OptionalLong.empty()))
        + " ses="
        + id(own.map(Facts::session).orElse(OptionalLong.empty()))
        + label.map(text -> " subj=" + word(text)).orElse("");
  }

  private static String asked(Sender sender, boolean success) {
    StringBuilder text = new StringBuilder(200);
    text.append(" auid=").append(id(sender.auid()));
    text.append(" uid=").append(id(sender.uid()));
    text.append(" ses=").append(id(sender.session()));
    text.append(" pid=").append(sender.pid().orElse(-1));
    if (!sender.context().isEmpty()) {
      text.append(" subj=").append(word(sender.context()));
    }
    text.append(" res=").append(success ? "success" : "failed");
    text.append(" sender=").append(token(sender.proof()));
    sender.event().ifPresent(event -> text.append(" event=").append(event.stamp()));
    text.append(" info=").append(token(sender.info()));
    sender
        .answer()
        .ifPresent(
            answer ->
                text.append(" info-uid=")
                    .append(answer.uid())
                    .append(" info-pid=")
                    .append(answer.pid()));
    if (sender.coalesced() > 0) {
      text.append(" coalesced=").append(sender.coalesced());
    }
    return text.toString();
  }

  private static String id(OptionalLong id) {
    return Long.toString(id.orElse(Processes.UNSET));
  }

  private static String token(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static String reason(String text) {
    return text.isEmpty() ? "" : " reason=" + hexadecimal(text);
  }

  /** A text as it is, if it is one word without a quote; else in hexadecimal. */
  private static String word(String text) {
    boolean plain =
        !text.isEmpty()
            && text.length() <= MOST_TEXT_BYTES
            && text.chars().allMatch(c -> c > ' ' && c < 0x7F && c != '"' && c != '\'');
    return plain ? text : text.isEmpty() ? "?" : hexadecimal(text);
  }

  private static String hexadecimal(String text) {
    byte[] bytes = text.getBytes(UTF_8);
    return HexFormat.of()
        .withUpperCase()
        .formatHex(bytes, 0, Math.min(bytes.length, MOST_TEXT_BYTES));
  }
}
