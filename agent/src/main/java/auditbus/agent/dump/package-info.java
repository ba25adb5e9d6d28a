// SPDX-License-Identifier: Apache-2.0
/** Prints trails for people and pipes: what would be published of them, without a broker. */
package auditbus.agent.dump;
