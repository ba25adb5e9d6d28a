// SPDX-License-Identifier: Apache-2.0
/** The first half of the agent: from the kernel or auditd into trails, and who signalled it. */
package auditbus.agent.capture;
