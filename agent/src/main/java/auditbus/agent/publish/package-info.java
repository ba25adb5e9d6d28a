// SPDX-License-Identifier: Apache-2.0
/** Events and states to their topics, in order per host, with every acknowledgement handed back. */
package auditbus.agent.publish;
