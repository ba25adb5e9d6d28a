// SPDX-License-Identifier: Apache-2.0
/**
 * Trail files: their names, the directories they stand in, writing, reading, positions and the
 * checkpoint; every rule about them.
 */
package auditbus.agent.trail;
