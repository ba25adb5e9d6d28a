// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

import java.util.Locale;

/** What may happen. */
enum Kind {
  /** SIGKILL, and a start some time later. */
  KILL,
  /** SIGSTOP, and SIGCONT some time later. */
  STOP,
  /** The broker's port resets whoever connects. */
  REFUSE,
  /** The broker's port takes connections and bytes, and nothing comes of it. */
  BLACKHOLE,
  /** Every transfer from and to the broker takes its time. */
  SLOW,
  /** All connections to the broker are cut, several times. */
  CUT,
  /** The schema registry's port resets whoever connects. */
  REGISTRY,
  /** No byte is free where a process writes. */
  DISK,
  /** One process's clock is another. */
  CLOCK,
  /** The log is rotated. */
  ROTATE,
  /** The log is emptied under its name. */
  TRUNCATE,
  /** Another file takes the log's name, and the old one is gone. */
  REPLACE,
  /** While the agent is down the log's last record loses its end. */
  TEAR,
  /** While the agent is down its checkpoint is damaged, every third time the earlier one too. */
  CHECKPOINT,
  /** The agent is told to read its configuration again and again, a wrong one too. */
  RELOAD;

  String label() {
    return name().toLowerCase(Locale.ROOT);
  }
}
