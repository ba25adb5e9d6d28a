// SPDX-License-Identifier: Apache-2.0
/**
 * BSM trails, as the kernels of FreeBSD, macOS and Solaris write them: bytes become records, a
 * record's tokens become an event.
 */
package auditbus.agent.bsm;
