// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

/** The signals the agent acts on, as auditd does, by Linux's numbers. */
public enum HandledSignal {
  HUP(1),
  INT(2),
  USR1(10),
  USR2(12),
  TERM(15),
  CONT(18);

  private final int number;

  HandledSignal(int number) {
    this.number = number;
  }

  /** Linux's number. */
  int number() {
    return number;
  }

  /** Whether it asks the agent to end. */
  public boolean stops() {
    return this == TERM || this == INT;
  }
}
