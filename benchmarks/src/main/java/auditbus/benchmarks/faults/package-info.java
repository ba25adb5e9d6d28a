// SPDX-License-Identifier: Apache-2.0
/** The real processes, what happens to them in life, and an account of every record. */
package auditbus.benchmarks.faults;
