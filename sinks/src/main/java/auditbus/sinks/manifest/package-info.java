// SPDX-License-Identifier: Apache-2.0
/**
 * The record of what was collected, chained line by line, and the proof that a directory fits it.
 */
package auditbus.sinks.manifest;
