// SPDX-License-Identifier: Apache-2.0
/** What the topics say, as tables that a person reads: who stopped, what is missing, who lives. */
package auditbus.streams.report;
