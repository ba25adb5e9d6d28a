// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

/**
 * Which of an agent's halves a process runs: they meet only in the trails, so each can be a process
 * and a user of its own.
 */
public enum Half {
  /** Both, in one process. */
  BOTH,
  /** From the kernel or auditd into trails: audit capabilities, no network. */
  CAPTURE,
  /** From trails to Kafka: network, trails to read. */
  DISTRIBUTION;

  boolean captures() {
    return this != DISTRIBUTION;
  }

  boolean distributes() {
    return this != CAPTURE;
  }
}
