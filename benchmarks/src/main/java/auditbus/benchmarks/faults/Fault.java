// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

/**
 * One thing that happens.
 *
 * @param kind what
 * @param target to whom, as a resource nothing else happens to at the same time
 * @param millis how long
 * @param random for what else there is to choose
 */
record Fault(Kind kind, String target, int millis, long random) {
  @Override
  public String toString() {
    return "%-10s %-18s %5d ms".formatted(kind.label(), target, millis);
  }
}
